/** What the product leaves in a node's kernel, and the commands that take it away. Pure. */
/** As in vrouter/linux/names.ts and bgp/bird/config.ts, which no other program imports; a test holds them together. */
export const KERNEL_NAMES = {
  tables: ['inet opencontrail', 'netdev opencontrail_mirrors'],
  routeProtocol: 79,
  /** Of pods' host ends, as they are made; bridges' have others (`bridgedMac`). */
  routerMac: '02:00:5e:00:01:01',
  tunnel: 'ocvx0',
  /** Where copies of traffic are given off, and what the names of their tunnels begin with. */
  mirrorPair: 'ocmirror0',
  mirrorTunnels: 'ocm-',
  learntMetric: 4079,
} as const;

/** An interface of a pair takes the other one along. */
const DEVICES: readonly string[] = [KERNEL_NAMES.tunnel, KERNEL_NAMES.mirrorPair];

/** Host ends of pods, the tunnel, and what copies go through, out of what `ip -oneline link show` prints. */
export function devicesOfOurs(shown: string): readonly string[] {
  return shown.split('\n').flatMap((line) => {
    const name = /^\d+: ([^:@]+)[:@]/.exec(line)?.[1];
    if (name === undefined) return [];
    const isTap = /^tap[0-9a-f]{11}$/.test(name) && macsOf(name).some((mac) => line.includes(mac));
    const isOurs = isTap || DEVICES.includes(name) || name.startsWith(KERNEL_NAMES.mirrorTunnels);
    return isOurs ? [name] : [];
  });
}

/** The MACs that a pod's host end may have. */
function macsOf(tap: string): readonly string[] {
  return [KERNEL_NAMES.routerMac, bridgedMac(tap)];
}

/** The MAC of the host end of a bridge's interface, by its name. */
function bridgedMac(tap: string): string {
  const digits = tap.replace('tap', '').slice(0, 10);
  return ['06', ...(digits.match(/../g) ?? [])].join(':');
}

/**
 * Commands in order, each of which may fail for want of anything to remove. The local table returns to the front
 * before our rules go: between the two no lookup may miss the node's own addresses.
 */
export function removalCommands(
  devices: readonly string[],
  rules: { readonly v4: string; readonly v6: string },
): readonly (readonly string[])[] {
  return [
    ...KERNEL_NAMES.tables.map((table) => ['nft', 'delete', 'table', ...table.split(' ')]),
    ...(['-4', '-6'] as const).flatMap((family) => [
      ...(hasLocalFirst(family === '-4' ? rules.v4 : rules.v6)
        ? []
        : [['ip', family, 'rule', 'add', 'pref', '0', 'lookup', 'local']]),
      ['ip', family, 'rule', 'flush', 'protocol', String(KERNEL_NAMES.routeProtocol)],
      ['ip', family, 'route', 'flush', 'table', 'all', 'proto', String(KERNEL_NAMES.routeProtocol)],
      // What BGP has learnt, and kept through a graceful restart.
      ['ip', family, 'route', 'flush', 'proto', 'bird', 'metric', String(KERNEL_NAMES.learntMetric)],
    ]),
    ...devices.map((name) => ['ip', 'link', 'delete', 'dev', name]),
  ];
}

function hasLocalFirst(shown: string): boolean {
  return /^0:\s+from all lookup local/m.test(shown);
}
