/** Cleanup of a node, in a network namespace that holds what the product leaves. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { KERNEL_NAMES } from '../../../cni/cleanup/traces.ts';
import { ROUTE_METRIC } from '../../../bgp/bird/config.ts';
import { tapName } from '../../../contrail/names.ts';
import { bridgedMac, ROUTER_MAC, ROUTE_PROTOCOL, TABLE } from '../../../vrouter/linux/names.ts';
import { MIRROR_PAIR, MIRROR_TABLE, MIRROR_TUNNELS } from '../../../vrouter/linux/mirrors.ts';
import { makeNamespace, sh } from '../bed.ts';

// Real namespaces and programs, on a machine that may be busy.
jest.setTimeout(60_000);

let host: ReturnType<typeof makeNamespace>;
let folder: string;
const inHost = (command: string) => sh(`ip netns exec ${host.name} sh -ec '${command}'`);

/** An interface of a bridge. */
const BRIDGED = '01234567-89bc-4def-8123-456789abcdef';

beforeEach(() => {
  host = makeNamespace('clean');
  folder = mkdtempSync(join(tmpdir(), 'ct-'));
});
afterEach(() => {
  host.remove();
  rmSync(folder, { recursive: true, force: true });
});

function clean(remove: string): void {
  const program = join(import.meta.dirname, '../../../cni/cleanup/node.ts');
  const script = `import { cleanNode } from '${program}'; console.log(JSON.stringify(await cleanNode({ remove: ['${remove}'], vrouterState: '${remove}/vrouter' })));`;
  const out = execFileSync('ip', ['netns', 'exec', host.name, process.execPath, '--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  expect(JSON.parse(out)).toEqual([]);
}

describe('cleanNode', () => {
  test('takes away what is ours and nothing else, twice as once', () => {
    const state = join(folder, 'opencontrail');
    mkdirSync(join(state, 'vrouter'), { recursive: true });
    writeFileSync(join(state, 'vrouter', 'sysctls.json'), JSON.stringify({ 'net/ipv4/ip_forward': '0' }));
    inHost('ip link set lo up');
    const before = ['rule', 'route show table all', '-6 rule', '-o link'].map((what) => inHost(`ip ${what}`));
    inHost(`
      sysctl -qw net.ipv4.ip_forward=1
      nft add table ${TABLE}; nft add table inet other; nft add table ${MIRROR_TABLE}
      ip link add ${MIRROR_PAIR[0]} type veth peer name ${MIRROR_PAIR[1]}
      ip link add ${MIRROR_TUNNELS}0123456789 type vxlan id 9 remote 192.0.2.9 dstport 8472
      ip link add ${KERNEL_NAMES.tunnel} type vxlan external dstport 4789; ip link set ${KERNEL_NAMES.tunnel} up
      ip link add tap0123456789a address ${ROUTER_MAC} type veth peer name vp
      ip link add ${tapName(BRIDGED)} address ${bridgedMac(BRIDGED)} type veth peer name vr
      ip link add tapforeign type veth peer name vq
      ip rule add pref 90 fwmark 1 goto 30000 protocol ${ROUTE_PROTOCOL} 2>/dev/null || true
      ip rule add pref 30000 lookup local protocol ${ROUTE_PROTOCOL}; ip rule del pref 0
      ip rule add pref 50 lookup 77
      ip route add unreachable default table 29001 proto ${ROUTE_PROTOCOL}
      ip route add 203.0.113.0/24 dev lo proto bird metric ${ROUTE_METRIC}
      ip -6 route add 2001:db8:7::/48 dev lo proto bird metric ${ROUTE_METRIC}
      ip route add 198.51.100.0/24 dev lo proto bird metric 32
    `);
    clean(state);
    expect(existsSync(state)).toBe(false);
    expect(inHost('nft list tables')).toBe('table inet other\n');
    expect(inHost('ip -o link')).not.toContain('tap0123456789');
    expect(inHost('ip -o link')).not.toContain('ocm');
    expect(inHost('ip -o link')).toContain('tapforeign');
    expect(inHost('ip route show proto bird')).toMatch(/^198\.51\.100\.0\/24 dev lo.*\n$/);
    expect(inHost('ip -6 route show proto bird')).toBe('');
    inHost('ip route del 198.51.100.0/24');
    expect(inHost('cat /proc/sys/net/ipv4/ip_forward')).toBe('0\n');
    clean(state);
    inHost('ip rule del pref 50; ip link del tapforeign');
    expect(['rule', 'route show table all', '-6 rule'].map((what) => inHost(`ip ${what}`))).toEqual(before.slice(0, 3));
  });
});

test('a folder that is mounted is emptied, which is as far as it can go', () => {
  const state = join(folder, 'opencontrail');
  mkdirSync(join(state, 'ports'), { recursive: true });
  sh(`mount -t tmpfs tmpfs ${state} && mkdir -p ${state}/ports/vm && touch ${state}/ports/vm/x`);
  try {
    clean(state);
    expect(readdirSync(state)).toEqual([]);
  } finally {
    sh(`umount ${state}`);
  }
});

test('cleanup knows the vRouter’s names in the kernel', () => {
  expect(KERNEL_NAMES).toMatchObject({
    tables: [TABLE, MIRROR_TABLE],
    routeProtocol: ROUTE_PROTOCOL,
    routerMac: ROUTER_MAC,
    learntMetric: ROUTE_METRIC,
    mirrorPair: MIRROR_PAIR[0],
    mirrorTunnels: MIRROR_TUNNELS,
  });
});
