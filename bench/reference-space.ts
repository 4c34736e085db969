/** Network namespaces of a benchmark's own: two nodes that a bridge in a third joins, as the lab's are, each with a VXLAN device. */
import { run } from '../test/lab/command.ts';
import type { Place } from './flows.ts';

export interface ReferenceSpace {
  /** A namespace's name on this machine, from its short one. */
  readonly netns: (name: string) => string;
  readonly place: (name: string, address: string) => Place;
  /** `ip`, in one of the namespaces. */
  readonly ip: (name: string, ...args: readonly string[]) => Promise<void>;
  /** What leads a route through the tunnel, to node 1 or 2. */
  readonly tunnelTo: (node: number) => readonly string[];
  readonly remove: () => Promise<void>;
}

/** Makes `node1`, `node2`, their `hub`, and namespaces for `others`; what an earlier run has left under the prefix is taken away. */
export async function createReferenceSpace(prefix: string, others: readonly string[]): Promise<ReferenceSpace> {
  const netns = (name: string): string => `${prefix}${name}`;
  const space: ReferenceSpace = {
    netns,
    place: (name, address) => ({ enter: ['ip', 'netns', 'exec', netns(name)], address }),
    ip: async (name, ...args) => ip('-n', netns(name), ...args),
    tunnelTo: (node) => {
      const address = `192.0.2.${node}`;
      return ['encap', 'ip', 'id', '100', 'dst', address, 'via', address, 'dev', 'vx', 'onlink'];
    },
    remove: async () => remove(prefix),
  };
  await space.remove();
  for (const name of ['hub', 'node1', 'node2', ...others]) await ip('netns', 'add', netns(name));
  await space.ip('hub', 'link', 'add', 'br0', 'type', 'bridge');
  await space.ip('hub', 'link', 'set', 'br0', 'up');
  for (const self of [1, 2]) await createNode(space, self, 3 - self);
  return space;
}

async function createNode({ ip: within, netns }: ReferenceSpace, self: number, peer: number): Promise<void> {
  const inNode = (...args: readonly string[]): Promise<void> => within(`node${self}`, ...args);
  await inNode('link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', `node${self}`, 'netns', netns('hub'));
  await within('hub', 'link', 'set', `node${self}`, 'master', 'br0', 'up');
  await inNode('addr', 'add', `192.0.2.${self}/24`, 'dev', 'eth0');
  await inNode('link', 'set', 'eth0', 'up');
  await inNode('link', 'add', 'vx', 'address', mac(self), 'type', 'vxlan', 'external', 'dstport', '4789');
  await inNode('link', 'set', 'vx', 'mtu', '1450', 'up');
  await inNode('neigh', 'add', `192.0.2.${peer}`, 'lladdr', mac(peer), 'dev', 'vx', 'nud', 'permanent');
}

async function remove(prefix: string): Promise<void> {
  const { stdout } = await run('ip', ['netns', 'list']);
  const ours = stdout.split('\n').flatMap((line) => line.split(' ')[0] ?? []);
  for (const name of ours.filter((candidate) => candidate.startsWith(prefix))) await ip('netns', 'del', name);
}

function mac(node: number): string {
  return `02:00:00:00:01:0${node}`;
}

async function ip(...args: readonly string[]): Promise<void> {
  await run('ip', args);
}
