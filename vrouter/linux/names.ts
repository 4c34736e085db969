/** Names of what is ours in the kernel. */

/** The nftables table: everything of ours that judges or translates. */
export const TABLE = 'inet opencontrail';
/** Prefix of pods' host-side interfaces (`contrail/names.ts` tapName). */
export const POD_INTERFACES = 'tap*';
/**
 * The group (`ip link set … group`) of pods' host-side interfaces and of the tunnel's device. Rules ask for it, since a number is
 * compared in a fraction of the time of a name.
 */
export const GROUPS = { pods: 4079, tunnel: 4080 } as const;
/** The MAC of pods' host-side interfaces, as the node agent makes them. */
export const ROUTER_MAC = '02:00:5e:00:01:01';
/** The link-local gateway of pods; also the source of a pod that reaches itself through a service. */
export const GATEWAY = '169.254.1.1';
/**
 * The IPv6 source of a pod that reaches itself through a service. A link-local one would not be answered through the gateway; this
 * one is unique-local (RFC 4193), and never leaves the node.
 */
export const HAIRPIN_V6 = 'fd6f:6370:6e69::1';
/** The `proto` of our routes, by which they are found again. */
export const ROUTE_PROTOCOL = 79;
/**
 * Routing tables: pods of flat networks, machines reached through the tunnel, pods and machines reached by the underlay, one per
 * overlapping network, one per network whose router is elsewhere, one per interface of a service, and one per network outside that is at
 * an interface of its own.
 */
export const TABLES = {
  flat: 29001,
  fabric: 29002,
  forwarded: 29003,
  overlapping: 30000,
  routed: 70_000,
  chained: 110_000,
  external: 200_000,
} as const;
/** Where the local table is looked up, behind our rules, so that pods may have addresses equal to the node's. */
export const LOCAL_PREFERENCE = 30000;

/** The `ip` line that deletes what stands under a key of `linux/listing.ts`. */
export function deletionOf(key: string): string {
  const [kind, first = '', ...rest] = key.split(' ');
  const what = rest.join(' ');
  if (kind === 'route') return `route del ${what === 'default' ? 'unreachable default' : what} table ${first}`;
  if (kind === 'neigh') return `neigh del ${what} dev ${first}`;
  if (kind === 'link') return `link set dev ${first} address ${ROUTER_MAC}`;
  return `rule del pref ${first} ${what}`;
}

/** The MAC of the host end of a bridge's interface (`bridges.ts`): of no other interface, and known by its first octet. */
export function bridgedMac(vmi: string): string {
  const digits = vmi.replaceAll('-', '').slice(0, 10);
  return ['06', ...(digits.match(/../g) ?? [])].join(':');
}
