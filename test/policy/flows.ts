/** The flows of a random world, and what a compiled state says of them. */
import { policyVerdict } from '../../vrouter/compile/verdict.ts';
import type { ForwardingState } from '../../vrouter/model.ts';
import type { Direction } from '../../vrouter/model/policy.ts';
import { kernelVerdict } from '../vrouter/kernel-verdict.ts';
import { NUMBERS, OUTSIDE, PROTOCOLS } from './arbitrary.ts';
import type { End, Flow, World } from './reference.ts';
import { vmiOf } from './translated.ts';

const NUMBER = { TCP: 6, UDP: 17, SCTP: 132 } as const;
/** Those that rules speak of, and two that only ranges have. */
export const PORTS = [...NUMBERS, 500, 8080];

/** The whole of the kernel's look-ups takes its time: one flow in so many is judged by them, too. */
const LOOKED_UP = 9;

/** What a state lets each end do. Throws where the kernel's elements would judge otherwise. */
export function verdictsOf(state: ForwardingState): (direction: Direction, flow: Flow) => boolean {
  const policies = new Map(state.policies.map((policy) => [policy.vmi, policy]));
  const hosts = new Map(state.ports.map(({ vmi }, index) => [vmi, `tap${index}`]));
  const byKernel = kernelVerdict(state, hosts);
  let judged = 0;
  return (direction, { from, to, protocol, port }) => {
    const [own, peer] = direction === 'ingress' ? [to, from] : [from, to];
    if (own.pod === undefined) return true;
    const flow = { peer: peer.ip, protocol: NUMBER[protocol], port };
    const vmi = vmiOf(own.pod);
    const verdict = policyVerdict(policies.get(vmi), direction, { flow, state });
    const isAllowed = verdict.kind === 'unrestricted' || verdict.isAllowed;
    judged += 1;
    const asked = { ...flow, direction, host: hosts.get(vmi) ?? '', self: own.ip, pair: { from: 5, to: 5 } };
    if (judged % LOOKED_UP === 0 && byKernel(asked) !== isAllowed)
      throw new Error(`${direction} ${JSON.stringify(flow)}: explained ${isAllowed}, enforced otherwise`);
    return isAllowed;
  };
}

/** Flows between all pods and some others, both ways, in both families. */
export function flowsOf(world: World): readonly Flow[] {
  return (['.', ':'] as const).flatMap((mark) =>
    pairsOf(world, mark).flatMap(([from, to], index) => {
      // A protocol and two ports of each pair in turn: all of them come up, at a fraction of the time.
      const protocol = PROTOCOLS[index % PROTOCOLS.length] ?? 'TCP';
      return [index, index + 2].map((at) => ({ from, to, protocol, port: PORTS[at % PORTS.length] ?? 0 }));
    }),
  );
}

/** All of them, of the protocols that this kernel has sockets for. */
export function everyFlowOf(world: World): readonly Flow[] {
  return [...pairsOf(world, '.'), ...pairsOf(world, ':')].flatMap(([from, to]) =>
    (['TCP', 'UDP'] as const).flatMap((protocol) => PORTS.map((port) => ({ from, to, protocol, port }))),
  );
}

/** Two ends with addresses of one family, a pod at least at one of them. */
function pairsOf({ pods }: World, mark: '.' | ':'): readonly (readonly [from: End, to: End])[] {
  const inside: End[] = pods.map((pod) => ({ pod, ip: pod.ips.find((ip) => ip.includes(mark)) ?? '' }));
  const outside: End[] = OUTSIDE.filter((ip) => ip.includes(mark)).map((ip) => ({ ip }));
  return [...inside, ...outside].flatMap((from) =>
    [...inside, ...outside].filter((to) => (from.pod ?? to.pod) && from !== to).map((to) => [from, to] as const),
  );
}
