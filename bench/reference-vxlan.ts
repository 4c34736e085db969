/** Two network namespaces joined by a bridge in a third, as the lab's nodes are, each with a VXLAN device and a pod behind it, and no rule at all. */
import { run } from '../test/lab/command.ts';
import type { Place } from './flows.ts';
import { createReferenceSpace, type ReferenceSpace } from './reference-space.ts';

export interface Reference {
  readonly nodes: readonly [Place, Place];
  readonly pods: readonly [Place, Place];
  readonly remove: () => Promise<void>;
}

/** The pods' addresses: the first one's, the second one's. */
type PodAddresses = readonly [string, string];

const DOCUMENTED: PodAddresses = ['198.51.100.1', '198.51.100.2'];

/** Builds the reference with the same kernel constructions as the vRouter: collect-metadata VXLAN and encap routes. */
export async function createReference(addresses: PodAddresses = DOCUMENTED): Promise<Reference> {
  const space = await createReferenceSpace('ocbench-', ['pod1', 'pod2']);
  const [first, second] = addresses;
  await createPod(space, { self: 1, own: first, other: second });
  await createPod(space, { self: 2, own: second, other: first });
  const { place, remove } = space;
  return {
    nodes: [place('node1', '192.0.2.1'), place('node2', '192.0.2.2')],
    pods: [place('pod1', first), place('pod2', second)],
    remove,
  };
}

async function createPod(
  { ip, netns, tunnelTo }: ReferenceSpace,
  { self, own, other }: { readonly self: 1 | 2; readonly own: string; readonly other: string },
): Promise<void> {
  const inNode = (...args: readonly string[]): Promise<void> => ip(`node${self}`, ...args);
  const inPod = (...args: readonly string[]): Promise<void> => ip(`pod${self}`, ...args);
  await inNode('link', 'add', 'tap', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', netns(`pod${self}`));
  await inNode('link', 'set', 'tap', 'up');
  await inNode('addr', 'add', '169.254.1.1/32', 'dev', 'tap');
  await inNode('route', 'add', `${own}/32`, 'dev', 'tap');
  await inNode('route', 'add', `${other}/32`, ...tunnelTo(3 - self));
  await run('ip', ['netns', 'exec', netns(`node${self}`), 'sh', '-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward']);
  await inPod('link', 'set', 'eth0', 'mtu', '1450', 'up');
  await inPod('addr', 'add', `${own}/32`, 'dev', 'eth0');
  await inPod('route', 'add', 'default', 'via', '169.254.1.1', 'dev', 'eth0', 'onlink');
}
