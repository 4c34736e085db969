/**
 * Random worlds as packets see them: two nodes, eight pods in network namespaces that each world makes its own, and a machine outside
 * with the addresses that are nobody's. From there, a pod is reached by a floating address, under which the client's stays as it is.
 */
import { tapName, uuidOf } from '../../contrail/names.ts';
import type { ContrailObject } from '../../contrail/objects.ts';
import { compile } from '../../vrouter/compile/compile.ts';
import { render } from '../../vrouter/linux/render.ts';
import { macOf, type TestPod, type TestWorld, vmiOf as slotOf } from '../vrouter/config.ts';
import { createLab, type Lab } from '../vrouter/lab/nodes.ts';
import { OUTSIDE } from './arbitrary.ts';
import { type Asker, createAsker } from './asking.ts';
import { PORTS } from './flows.ts';
import type { End, Pod, World } from './reference.ts';
import { objectsOf, vmiOf } from './translated.ts';

const NODES = { n1: '192.0.2.1', n2: '192.0.2.2' } as const;
const NODES6 = { n1: '2001:db8::1', n2: '2001:db8::2' } as const;
type Node = keyof typeof NODES;
const [GATEWAY = '', ...FURTHER] = OUTSIDE;
const GATEWAY6 = OUTSIDE.find((address) => address.includes(':')) ?? '';

const nodeOfPlace = (index: number): Node => (index % 2 === 0 ? 'n1' : 'n2');
/** By the names and addresses that worlds give their pods. */
const SLOTS: Readonly<Record<string, TestPod>> = Object.fromEntries(
  Array.from({ length: 8 }, (_, index) => [
    `p${index}`,
    {
      network: 'c',
      address: `10.32.0.${index + 1}`,
      address6: `fd00::${index + 1}`,
      node: nodeOfPlace(index),
    },
  ]),
);
const WIRING: TestWorld = { nodes: NODES, networks: { c: { id: 5 } }, pods: SLOTS };

export interface Kernels {
  /** Makes a world the one that is enforced. */
  readonly apply: (world: World) => Promise<void>;
  readonly askerOf: (end: End) => Asker;
  readonly down: () => Promise<void>;
}

/** Two nodes, with nobody's policy yet. */
export async function createKernels(): Promise<Kernels> {
  const lab = await createLab('vw', NODES);
  const askers = new Map<string, Asker>();
  const start = async (name: string, addresses: readonly string[]): Promise<void> =>
    void askers.set(name, await createAsker(`${lab.prefix}-${name}`, addresses, PORTS));
  for (const name of Object.keys(SLOTS)) await lab.addPod(name, WIRING);
  await connectOutside(lab);
  await Promise.all([
    start('out', OUTSIDE),
    ...Object.entries(SLOTS).map(async ([name, { address, address6 = '' }]) => start(name, [address, address6])),
  ]);
  return {
    async apply(world) {
      const objects = withSurroundings(world);
      const bound = new Map(world.pods.map((pod) => [vmiOf(pod), tapName(slotOf(pod.name))] as const));
      for (const node of Object.keys(NODES)) {
        const desired = render(compile({ objects }, node), bound, { device: 'ocvx0', vxlanPort: 4789 });
        const { failures } = await lab.kernel(node).apply(desired);
        if (failures.size > 0) throw new Error(JSON.stringify([...failures]));
      }
    },
    askerOf: ({ pod }) => askers.get(pod?.name ?? 'out')!,
    async down() {
      for (const asker of askers.values()) asker.close();
      await lab.down();
    },
  };
}

async function connectOutside(lab: Lab): Promise<void> {
  await lab.addOutside('out', GATEWAY);
  const must = async (where: string, line: string): Promise<void> => {
    const { code, stderr } = await lab.sh(where, `set -e; ${line}`);
    if (code !== 0) throw new Error(`${where}: ${line}: ${stderr}`);
  };
  for (const [node, address6] of Object.entries(NODES6)) {
    await must(node, `ip addr add ${address6}/64 dev eth0 nodad; ip route add default via ${GATEWAY}`);
    await must(node, `ip -6 route add default via ${GATEWAY6}`);
  }
  for (const address of FURTHER) await must('out', `ip addr add ${address} dev eth0 nodad`);
  await must('out', `ip -6 route add 2001:db8::/64 dev eth0`);
  for (const name of Object.keys(SLOTS)) {
    const node = SLOTS[name]!.node as Node;
    const [floating, floating6] = floatingOf(name);
    await must('out', `ip route add ${floating} via ${NODES[node]}; ip -6 route add ${floating6} via ${NODES6[node]}`);
  }
}

/** Where the outside finds a pod, in each family. */
function floatingOf(name: string): readonly [string, string] {
  const number = Number(name.slice(1)) + 1;
  return [`203.0.113.${number}`, `2001:db8:f::${number}`];
}

/** The address by which one end finds the other. */
export function addressFrom(from: End, { ip, pod }: End): string {
  if (from.pod !== undefined || pod === undefined) return ip;
  return floatingOf(pod.name)[ip.includes(':') ? 1 : 0];
}

/** A world's objects, with what moves packets: MAC addresses, the way outside, and floating addresses. */
function withSurroundings(world: World): ReadonlyMap<string, ContrailObject> {
  const objects = objectsOf(world, ({ name }) => SLOTS[name]!.node);
  const change = (uuid: string, fields: object): void => void objects.set(uuid, { ...objects.get(uuid)!, ...fields });
  for (const { type, uuid, fq_name: name } of objects.values()) {
    if (type === 'virtual-network') change(uuid, { fabric_snat: true });
    if (type === 'virtual-router') {
      const node = name.at(-1) as Node;
      const value = JSON.stringify([NODES[node], NODES6[node]]);
      change(uuid, { annotations: { key_value_pair: [{ key: 'internal_ips', value }] } });
    }
  }
  for (const pod of world.pods) {
    change(vmiOf(pod), { virtual_machine_interface_mac_addresses: { mac_address: [macOf(slotOf(pod.name))] } });
    for (const address of floatingOf(pod.name)) {
      const floating = floatingObject(address, pod);
      objects.set(floating.uuid, floating);
    }
  }
  return objects;
}

function floatingObject(address: string, pod: Pod): ContrailObject {
  const fqName = ['outside', 'pool', address];
  return {
    type: 'floating-ip',
    uuid: uuidOf('floating-ip', fqName),
    fq_name: fqName,
    floating_ip_address: address,
    virtual_machine_interface_refs: [{ to: [pod.name], uuid: vmiOf(pod), attr: null }],
  };
}
