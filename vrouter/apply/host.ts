/** What the node itself needs before anything is forwarded: kernel settings and the tunnel device. Adopts what is there. */
import { familyOf } from '../linux/family.ts';
import { GROUPS } from '../linux/names.ts';
import { vxlanOverheadBytes } from '../../runtime/vxlan.ts';
import { tunnelLinkLocal, tunnelMac } from '../linux/tunnel.ts';
import { output } from './run.ts';
import type { Run } from './run.ts';
import type { Sessions } from './sessions.ts';
import type { SettingsBefore } from './settings-journal.ts';

const DEFAULT_UNDERLAY_MTU = 1500;

export interface HostOptions {
  readonly device: string;
  readonly vxlanPort: number;
  readonly address: string;
}

/** Anti-spoofing is ours (by map), so reverse path filtering is off where packets of pods pass (facts 1.11). */
const SETTINGS: readonly (readonly [path: string, value: string])[] = [
  ['net/ipv4/ip_forward', '1'],
  ['net/ipv6/conf/all/forwarding', '1'],
  // The node's ICMP errors about a packet of an overlapping network need that network's table (facts 1.12).
  ['net/ipv4/fwmark_reflect', '1'],
  ['net/ipv6/fwmark_reflect', '1'],
  ['net/ipv4/conf/all/rp_filter', '0'],
  ['net/ipv4/conf/default/rp_filter', '0'],
  ['net/ipv4/conf/all/send_redirects', '0'],
  ['net/ipv4/conf/default/send_redirects', '0'],
];

const INTERFACE_SETTINGS: readonly (readonly [family: 'ipv4' | 'ipv6', setting: string, value: string])[] = [
  ['ipv4', 'rp_filter', '0'],
  ['ipv4', 'send_redirects', '0'],
  // A pod of an overlapping network may have an address that is also the node's (facts 1.10).
  ['ipv4', 'accept_local', '1'],
  // A new interface has the node's default, which is to listen (`keepAdvertisements`); but no pod is the node's router, nor asked for one.
  ['ipv6', 'accept_ra', '0'],
];

/**
 * Writes the node's settings and makes the tunnel device, or corrects the one that is there. Answers the settings that it
 * changed, with their values before.
 */
export async function prepareHost(
  { run, sessions }: { readonly run: Run; readonly sessions: Sessions },
  options: HostOptions,
): Promise<SettingsBefore> {
  // First, since a node that forwards no longer listens to its router.
  const advertisements = await keepAdvertisements(run);
  const before = { ...advertisements, ...(await write(run, SETTINGS)) };
  await ensureDevice(run, options);
  await prepareInterfaces(sessions, [options.device], GROUPS.tunnel);
  return before;
}

/** A node that learnt its IPv6 routes from its router goes on doing so although it forwards (kernel, `accept_ra`). */
async function keepAdvertisements(run: Run): Promise<SettingsBefore> {
  const listing = 'for f in /proc/sys/net/ipv6/conf/*/accept_ra; do [ ! -e $f ] || echo "$(cat $f) $f"; done';
  const shown = await output(run, ['sh', '-e'], `${listing}\n`);
  const paths = [...shown.matchAll(/^1 \/proc\/sys\/(\S+)$/gm)].map(([, path = '']) => path);
  return paths.length === 0
    ? {}
    : await write(
        run,
        paths.map((path) => [path, '2'] as const),
      );
}

/** Settings and group of interfaces on which pods' packets arrive. An interface that is gone is no failure. */
export async function prepareInterfaces(
  sessions: Sessions,
  names: readonly string[],
  group: number = GROUPS.pods,
): Promise<void> {
  if (names.length === 0) return;
  const settings = names.flatMap((name) =>
    INTERFACE_SETTINGS.map(
      ([family, setting, value]) => `echo ${value} > /proc/sys/net/${family}/conf/${name}/${setting}`,
    ),
  );
  const groups = names.map((name) => `link set dev ${name} group ${group}`);
  await Promise.all([sessions.sh(settings), sessions.ip('-4', groups)]);
}

async function ensureDevice(run: Run, { device, vxlanPort, address }: HostOptions): Promise<void> {
  const found = await run(['ip', '-d', 'link', 'show', 'dev', device]);
  const isTunnel =
    found.code === 0 && found.stdout.includes('vxlan external') && found.stdout.includes(`dstport ${vxlanPort} `);
  if (found.code === 0 && !isTunnel) await output(run, ['ip', 'link', 'del', 'dev', device]);
  if (!isTunnel) {
    const kind = ['type', 'vxlan', 'external', 'dstport', `${vxlanPort}`] as const;
    await output(run, ['ip', 'link', 'add', device, 'address', tunnelMac(address), ...kind]);
  } else if (!found.stdout.includes(tunnelMac(address))) {
    await output(run, ['ip', 'link', 'set', 'dev', device, 'address', tunnelMac(address)]);
  }
  const mtu = `${(await underlayMtu(run, address)) - vxlanOverheadBytes(address)}`;
  if (!isTunnel || !found.stdout.includes(` mtu ${mtu} `) || !found.stdout.includes(',UP')) {
    await output(run, ['ip', 'link', 'set', 'dev', device, 'mtu', mtu, 'up']);
  }
  // IPv6 may be off on this machine; IPv4 goes on without it.
  await run(['ip', '-6', 'addr', 'replace', `${tunnelLinkLocal(address)}/64`, 'dev', device, 'nodad']);
}

async function underlayMtu(run: Run, address: string): Promise<number> {
  const name = await interfaceOf(run, address);
  if (name === undefined || name === 'lo') return DEFAULT_UNDERLAY_MTU;
  const mtu = / mtu (\d+) /.exec(await output(run, ['ip', '-o', 'link', 'show', 'dev', name]))?.[1];
  return mtu === undefined ? DEFAULT_UNDERLAY_MTU : Number(mtu);
}

/** The interface that has an address of this node's, or `undefined`. */
export async function interfaceOf(run: Run, address: string): Promise<string | undefined> {
  const [family, length] = familyOf(address) === '4' ? ['-4', 32] : ['-6', 128];
  return /^\d+: (\S+)/.exec(await output(run, ['ip', '-o', family, 'addr', 'show', 'to', `${address}/${length}`]))?.[1];
}

/** The names of all interfaces of this host. */
export async function readInterfaces(run: Run): Promise<ReadonlySet<string>> {
  const { stdout } = await run(['ip', '-o', 'link', 'show']);
  return new Set(Array.from(stdout.matchAll(/^\d+: ([^:@\s]+)/gm), ([, name = '']) => name));
}

/** Written by a shell in the node's network namespace: one process for all, and a value that stands already is not touched. */
async function write(run: Run, settings: readonly (readonly [path: string, value: string])[]): Promise<SettingsBefore> {
  const change = 'set_to() { v=$(cat /proc/sys/$1); [ "$v" = $2 ] || { echo $2 > /proc/sys/$1; echo "$1 $v"; }; }';
  const lines = settings.map(([path, value]) => `[ ! -e /proc/sys/${path} ] || set_to ${path} ${value}`);
  const changed = await output(run, ['sh', '-e'], `${[change, ...lines].join('\n')}\n`);
  return Object.fromEntries([...changed.matchAll(/^(\S+) (.+)$/gm)].map(([, path = '', value = '']) => [path, value]));
}
