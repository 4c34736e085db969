/**
 * A client, a router and a server as a chain has them, in network namespaces of a benchmark's own: the client's node leads what is for
 * the server through the tunnel, and the node of the other two leads it to the router by static routes. No rule of nftables.
 */
import { run } from '../test/lab/command.ts';
import type { Ends } from './flows.ts';
import { createReferenceSpace, type ReferenceSpace } from './reference-space.ts';

export interface ReferenceChain extends Ends {
  readonly remove: () => Promise<void>;
}

const [CLIENT, SERVER] = ['198.51.100.1', '203.0.113.1'] as const;

/** Builds it. */
export async function createReferenceChain(): Promise<ReferenceChain> {
  const space = await createReferenceSpace('occhain-', ['client', 'router', 'server']);
  for (const node of ['node1', 'node2']) await forwards(space, node);
  await createPod(space, { name: 'client', node: 'node1', device: 'eth0', address: CLIENT, routes: ['default'] });
  await createPod(space, { name: 'server', node: 'node2', device: 'eth0', address: SERVER, routes: ['default'] });
  await createPod(space, { name: 'router', node: 'node2', device: 'left', address: '198.51.100.9', routes: [CLIENT] });
  await createPod(space, { name: 'router', node: 'node2', device: 'right', address: '203.0.113.9', routes: [SERVER] });
  await forwards(space, 'router');
  await lead(space);
  const { place, remove } = space;
  return { client: place('client', CLIENT), server: place('server', SERVER), remove };
}

/** The static routes: to the router from either side, and on from it. */
async function lead({ ip, tunnelTo }: ReferenceSpace): Promise<void> {
  await ip('node1', 'route', 'add', SERVER, ...tunnelTo(2));
  const node = (...args: readonly string[]): Promise<void> => ip('node2', ...args);
  await node('route', 'add', CLIENT, ...tunnelTo(1));
  await node('route', 'add', SERVER, 'via', '198.51.100.9', 'dev', 'router-left', 'onlink', 'table', '10');
  await node('rule', 'add', 'iif', 'vx', 'lookup', '10');
  await node('route', 'add', CLIENT, 'via', '203.0.113.9', 'dev', 'router-right', 'onlink', 'table', '11');
  await node('rule', 'add', 'iif', 'server-eth0', 'lookup', '11');
}

interface Pod {
  readonly name: string;
  readonly node: string;
  readonly device: string;
  readonly address: string;
  /** What it reaches by this interface. */
  readonly routes: readonly string[];
}

async function createPod({ ip, netns }: ReferenceSpace, { name, node, device, address, routes }: Pod): Promise<void> {
  const peer = `${name}-${device}`;
  await ip(node, 'link', 'add', peer, 'type', 'veth', 'peer', 'name', device, 'netns', netns(name));
  await ip(node, 'link', 'set', peer, 'up');
  await ip(node, 'addr', 'add', '169.254.1.1/32', 'dev', peer);
  await ip(node, 'route', 'add', `${address}/32`, 'dev', peer);
  await ip(name, 'link', 'set', device, 'mtu', '1450', 'up');
  await ip(name, 'addr', 'add', `${address}/32`, 'dev', device);
  for (const route of routes) await ip(name, 'route', 'add', route, 'via', '169.254.1.1', 'dev', device, 'onlink');
}

/** Packets that a router passes on come from others than its routes say. */
async function forwards({ netns }: ReferenceSpace, name: string): Promise<void> {
  const script = 'echo 1 > ipv4/ip_forward; for each in ipv4/conf/*/rp_filter; do echo 0 > $each; done';
  await run('ip', ['netns', 'exec', netns(name), 'sh', '-c', `cd /proc/sys/net; ${script}`]);
}
