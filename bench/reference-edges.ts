/**
 * A pod, its node and a machine outside, in network namespaces of a benchmark's own, and what somebody would write by hand to let the
 * pod out under its node's address, and to give it another address one to one: a rule of nftables for each.
 */
import { run } from '../test/lab/command.ts';
import type { Ends } from './flows.ts';
import { createReferenceSpace } from './reference-space.ts';

export interface ReferenceEdges {
  /** A pod without an address of its own outside asks the outside. */
  readonly out: Ends;
  /** The outside asks a pod by its address there. */
  readonly floating: Ends;
  readonly remove: () => Promise<void>;
}

const [OUTSIDE, FLOATING, NODE] = ['192.0.2.9', '192.0.2.201', '192.0.2.1'] as const;
const PODS = { plain: '198.51.100.1', floating: '198.51.100.2' } as const;

const RULES = `
table ip edges {
  chain prerouting { type nat hook prerouting priority dstnat; ip daddr ${FLOATING} dnat to ${PODS.floating}; }
  chain postrouting {
    type nat hook postrouting priority srcnat;
    oifname "eth0" ip saddr ${PODS.floating} snat to ${FLOATING}
    oifname "eth0" ip saddr ${PODS.plain} snat to ${NODE}
  }
}
`;

/** Builds it. */
export async function createReferenceEdges(): Promise<ReferenceEdges> {
  const { ip, netns, place, remove } = await createReferenceSpace('ocedge-', ['out', ...Object.keys(PODS)]);
  await ip('out', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'out', 'netns', netns('hub'));
  await ip('hub', 'link', 'set', 'out', 'master', 'br0', 'up');
  await ip('out', 'addr', 'add', `${OUTSIDE}/24`, 'dev', 'eth0');
  await ip('out', 'link', 'set', 'eth0', 'up');
  for (const [name, address] of Object.entries(PODS)) {
    await ip('node1', 'link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', netns(name));
    await ip('node1', 'link', 'set', name, 'up');
    await ip('node1', 'addr', 'add', '169.254.1.1/32', 'dev', name);
    await ip('node1', 'route', 'add', `${address}/32`, 'dev', name);
    await ip(name, 'link', 'set', 'eth0', 'mtu', '1450', 'up');
    await ip(name, 'addr', 'add', `${address}/32`, 'dev', 'eth0');
    await ip(name, 'route', 'add', 'default', 'via', '169.254.1.1', 'dev', 'eth0', 'onlink');
  }
  await ip('node1', 'addr', 'add', `${FLOATING}/32`, 'dev', 'eth0');
  const enter = ['netns', 'exec', netns('node1')];
  await run('ip', [...enter, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward']);
  await run('ip', [...enter, 'nft', '-f', '-'], { input: RULES });
  return {
    out: { client: place('plain', PODS.plain), server: place('out', OUTSIDE) },
    floating: { client: place('out', OUTSIDE), server: place('floating', FLOATING) },
    remove,
  };
}
