/**
 * A client, a router and a server as a chain has them, in network namespaces of a benchmark's own: the client's node leads what is for
 * the server through the tunnel, and the node of the other two leads it to the router by static routes. No rule of nftables.
 */
import { run } from '../test/lab/command.ts';
import type { Place } from './reference-vxlan.ts';

export interface ReferenceChain {
  readonly client: Place;
  readonly server: Place;
  readonly remove: () => Promise<void>;
}

const PREFIX = 'occhain-';
const netns = (name: string): string => `${PREFIX}${name}`;
const [CLIENT, SERVER] = ['198.51.100.1', '203.0.113.1'] as const;
const mac = (node: number): string => `02:00:00:00:02:0${node}`;

/** Builds it. */
export async function createReferenceChain(): Promise<ReferenceChain> {
  await remove();
  for (const name of ['hub', 'node1', 'node2', 'client', 'router', 'server']) await ip('netns', 'add', netns(name));
  await ip('-n', netns('hub'), 'link', 'add', 'br0', 'type', 'bridge');
  await ip('-n', netns('hub'), 'link', 'set', 'br0', 'up');
  for (const self of [1, 2]) await createNode(self, 3 - self);
  await createPod('client', { node: 1, device: 'eth0', address: CLIENT, routes: ['default'] });
  await createPod('server', { node: 2, device: 'eth0', address: SERVER, routes: ['default'] });
  await createPod('router', { node: 2, device: 'left', address: '198.51.100.9', routes: [CLIENT] });
  await createPod('router', { node: 2, device: 'right', address: '203.0.113.9', routes: [SERVER] });
  await forwards('router');
  await lead();
  const place = (name: string, address: string): Place => ({
    enter: ['ip', 'netns', 'exec', netns(name)],
    address,
  });
  return { client: place('client', CLIENT), server: place('server', SERVER), remove };
}

/** The static routes: to the router from either side, and on from it. */
async function lead(): Promise<void> {
  await ip('-n', netns('node1'), 'route', 'add', SERVER, ...tunnelTo(2));
  const node = (...args: readonly string[]): Promise<void> => ip('-n', netns('node2'), ...args);
  await node('route', 'add', CLIENT, ...tunnelTo(1));
  await node('route', 'add', SERVER, 'via', '198.51.100.9', 'dev', 'router-left', 'onlink', 'table', '10');
  await node('rule', 'add', 'iif', 'vx', 'lookup', '10');
  await node('route', 'add', CLIENT, 'via', '203.0.113.9', 'dev', 'router-right', 'onlink', 'table', '11');
  await node('rule', 'add', 'iif', 'server-eth0', 'lookup', '11');
}

function tunnelTo(node: number): readonly string[] {
  const address = `192.0.2.${node}`;
  return ['encap', 'ip', 'id', '100', 'dst', address, 'via', address, 'dev', 'vx', 'onlink'];
}

async function createNode(self: number, peer: number): Promise<void> {
  const inNode = (...args: readonly string[]): Promise<void> => ip('-n', netns(`node${self}`), ...args);
  await inNode('link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', `node${self}`, 'netns', netns('hub'));
  await ip('-n', netns('hub'), 'link', 'set', `node${self}`, 'master', 'br0', 'up');
  await inNode('addr', 'add', `192.0.2.${self}/24`, 'dev', 'eth0');
  await inNode('link', 'set', 'eth0', 'up');
  await inNode('link', 'add', 'vx', 'address', mac(self), 'type', 'vxlan', 'external', 'dstport', '4789');
  await inNode('link', 'set', 'vx', 'mtu', '1450', 'up');
  await inNode('neigh', 'add', `192.0.2.${peer}`, 'lladdr', mac(peer), 'dev', 'vx', 'nud', 'permanent');
  await forwards(`node${self}`);
}

interface Pod {
  readonly node: number;
  readonly device: string;
  readonly address: string;
  /** What it reaches by this interface. */
  readonly routes: readonly string[];
}

async function createPod(name: string, { node, device, address, routes }: Pod): Promise<void> {
  const [pod, host] = [netns(name), netns(`node${node}`)];
  const peer = `${name}-${device}`;
  await ip('-n', host, 'link', 'add', peer, 'type', 'veth', 'peer', 'name', device, 'netns', pod);
  await ip('-n', host, 'link', 'set', peer, 'up');
  await ip('-n', host, 'addr', 'add', '169.254.1.1/32', 'dev', peer);
  await ip('-n', host, 'route', 'add', `${address}/32`, 'dev', peer);
  await ip('-n', pod, 'link', 'set', device, 'mtu', '1450', 'up');
  await ip('-n', pod, 'addr', 'add', `${address}/32`, 'dev', device);
  for (const route of routes) await ip('-n', pod, 'route', 'add', route, 'via', '169.254.1.1', 'dev', device, 'onlink');
}

/** Packets that a router passes on come from others than its routes say. */
async function forwards(name: string): Promise<void> {
  const script = 'echo 1 > ipv4/ip_forward; for each in ipv4/conf/*/rp_filter; do echo 0 > $each; done';
  await run('ip', ['netns', 'exec', netns(name), 'sh', '-c', `cd /proc/sys/net; ${script}`]);
}

async function remove(): Promise<void> {
  const { stdout } = await run('ip', ['netns', 'list']);
  const ours = stdout.split('\n').flatMap((line) => line.split(' ')[0] ?? []);
  for (const name of ours.filter((candidate) => candidate.startsWith(PREFIX))) await ip('netns', 'del', name);
}

async function ip(...args: readonly string[]): Promise<void> {
  await run('ip', args);
}
