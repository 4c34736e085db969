/** Two network namespaces joined by a bridge in a third, as the lab's nodes are, each with a VXLAN device and a pod behind it, and no rule at all. */
import { run } from '../test/lab/command.ts';

/** Where a benchmark runs: a command prefix that enters the place, and the address it is reached at there. */
export interface Place {
  readonly enter: readonly string[];
  readonly address: string;
}

export interface Reference {
  readonly nodes: readonly [Place, Place];
  readonly pods: readonly [Place, Place];
  readonly remove: () => Promise<void>;
}

const PREFIX = 'ocbench-';
const netns = (name: string): string => `${PREFIX}${name}`;

/** Builds the reference with the same kernel constructions as the vRouter: collect-metadata VXLAN and encap routes. */
export async function createReference(): Promise<Reference> {
  await remove();
  for (const name of ['hub', 'node1', 'node2', 'pod1', 'pod2']) await ip('netns', 'add', netns(name));
  await ip('-n', netns('hub'), 'link', 'add', 'br0', 'type', 'bridge');
  await ip('-n', netns('hub'), 'link', 'set', 'br0', 'up');
  for (const self of [1, 2]) await createNode(self, 3 - self);
  const place = (kind: string, index: number, address: string): Place => ({
    enter: ['ip', 'netns', 'exec', netns(`${kind}${index}`)],
    address,
  });
  return {
    nodes: [place('node', 1, '192.0.2.1'), place('node', 2, '192.0.2.2')],
    pods: [place('pod', 1, '198.51.100.1'), place('pod', 2, '198.51.100.2')],
    remove,
  };
}

async function createNode(self: number, peer: number): Promise<void> {
  const node = netns(`node${self}`);
  const inNode = (...args: readonly string[]): Promise<void> => ip('-n', node, ...args);
  const inPod = (...args: readonly string[]): Promise<void> => ip('-n', netns(`pod${self}`), ...args);
  await inNode('link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', `node${self}`, 'netns', netns('hub'));
  await ip('-n', netns('hub'), 'link', 'set', `node${self}`, 'master', 'br0', 'up');
  await inNode('addr', 'add', `192.0.2.${self}/24`, 'dev', 'eth0');
  await inNode('link', 'set', 'eth0', 'up');
  await inNode('link', 'add', 'vx', 'address', mac(self), 'type', 'vxlan', 'external', 'dstport', '4789');
  await inNode('link', 'set', 'vx', 'mtu', '1450', 'up');
  await inNode('link', 'add', 'tap', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', netns(`pod${self}`));
  await inNode('link', 'set', 'tap', 'up');
  await inNode('addr', 'add', '169.254.1.1/32', 'dev', 'tap');
  await inNode('route', 'add', `198.51.100.${self}/32`, 'dev', 'tap');
  await inNode('neigh', 'add', `192.0.2.${peer}`, 'lladdr', mac(peer), 'dev', 'vx', 'nud', 'permanent');
  const encap = ['encap', 'ip', 'id', '100', 'dst', `192.0.2.${peer}`];
  await inNode('route', 'add', `198.51.100.${peer}/32`, ...encap, 'via', `192.0.2.${peer}`, 'dev', 'vx', 'onlink');
  await run('ip', ['netns', 'exec', node, 'sh', '-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward']);
  await inPod('link', 'set', 'eth0', 'mtu', '1450', 'up');
  await inPod('addr', 'add', `198.51.100.${self}/32`, 'dev', 'eth0');
  await inPod('route', 'add', 'default', 'via', '169.254.1.1', 'dev', 'eth0', 'onlink');
}

async function remove(): Promise<void> {
  const { stdout } = await run('ip', ['netns', 'list']);
  const ours = stdout.split('\n').flatMap((line) => line.split(' ')[0] ?? []);
  for (const name of ours.filter((candidate) => candidate.startsWith(PREFIX))) await ip('netns', 'del', name);
}

function mac(node: number): string {
  return `02:00:00:00:01:0${node}`;
}

async function ip(...args: readonly string[]): Promise<void> {
  await run('ip', args);
}
