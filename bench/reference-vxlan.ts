/** Two network namespaces joined by a bridge in a third, as the lab's nodes are, each with a VXLAN device and a pod behind it, and no rule at all. */
import { run } from '../test/lab/command.ts';
import type { Place } from './flows.ts';
import { createReferenceSpace, type ReferenceSpace } from './reference-space.ts';

export interface Reference {
  readonly nodes: readonly [Place, Place];
  readonly pods: readonly [Place, Place];
  readonly remove: () => Promise<void>;
}

/** Builds the reference with the same kernel constructions as the vRouter: collect-metadata VXLAN and encap routes. */
export async function createReference(): Promise<Reference> {
  const space = await createReferenceSpace('ocbench-', ['pod1', 'pod2']);
  for (const self of [1, 2]) await createPod(space, self, 3 - self);
  const { place, remove } = space;
  return {
    nodes: [place('node1', '192.0.2.1'), place('node2', '192.0.2.2')],
    pods: [place('pod1', '198.51.100.1'), place('pod2', '198.51.100.2')],
    remove,
  };
}

async function createPod({ ip, netns, tunnelTo }: ReferenceSpace, self: number, peer: number): Promise<void> {
  const inNode = (...args: readonly string[]): Promise<void> => ip(`node${self}`, ...args);
  const inPod = (...args: readonly string[]): Promise<void> => ip(`pod${self}`, ...args);
  await inNode('link', 'add', 'tap', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', netns(`pod${self}`));
  await inNode('link', 'set', 'tap', 'up');
  await inNode('addr', 'add', '169.254.1.1/32', 'dev', 'tap');
  await inNode('route', 'add', `198.51.100.${self}/32`, 'dev', 'tap');
  await inNode('route', 'add', `198.51.100.${peer}/32`, ...tunnelTo(peer));
  await run('ip', ['netns', 'exec', netns(`node${self}`), 'sh', '-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward']);
  await inPod('link', 'set', 'eth0', 'mtu', '1450', 'up');
  await inPod('addr', 'add', `198.51.100.${self}/32`, 'dev', 'eth0');
  await inPod('route', 'add', 'default', 'via', '169.254.1.1', 'dev', 'eth0', 'onlink');
}
