/** Whether a flow may pass from one network to another, as the pair map judges it. Pure. */
import { isWithin } from '../compile/verdict.ts';
import { ALL_PORTS } from '../compile/traffic.ts';
import type { ForwardingState } from '../model.ts';
import type { ServiceChain } from '../model/chains.ts';
import type { InstanceId, Passage } from '../model/networks.ts';

/** What is asked for: IP's number of the protocol, and the port, which is 0 for protocols without. */
export interface Asked {
  readonly protocol: number;
  readonly port: number;
}

/**
 * `host`: the node to a pod that it hosts, or to another machine; `service`: only because a service led there; `chained`: through the
 * services that the networks are joined by; `unserved`: one of these has no instance.
 */
export type Passing =
  | 'open'
  | 'limited'
  | 'chained'
  | 'service'
  | 'host'
  | 'beyond-limits'
  | 'unserved'
  | 'unconnected';

/** Whether a flow goes on after such a judgement. */
export function passes(passing: Passing): boolean {
  return passing !== 'beyond-limits' && passing !== 'unserved' && passing !== 'unconnected';
}

export interface Ends {
  readonly from: InstanceId;
  readonly to: InstanceId;
}

/** The judgement of a flow to an address that it asked for itself. */
export function directPassing(passages: readonly Passage[], ends: Ends, asked: Asked): Passing {
  const passage = passages.find((each) => joins(each, ends));
  if (passage === undefined) return 'unconnected';
  if (passage.limits === undefined) return 'open';
  // A source has any of the high ports: a box that takes some of them only cannot be counted on.
  const isLet = passage.limits.some(
    (box) => isWithin(box, asked) && box.sourcePorts[0] <= HIGH_PORTS && box.sourcePorts[1] === ALL_PORTS[1],
  );
  return isLet ? 'limited' : 'beyond-limits';
}

const HIGH_PORTS = 32_768;

/** The judgement of a flow from pod to pod, whose networks services may join. */
export function joinedPassing(
  { passages, chains }: Pick<ForwardingState, 'passages' | 'chains'>,
  ends: Ends,
  asked: Asked,
): Passing {
  const chain = chainBetween(chains, ends);
  if (chain === undefined) return directPassing(passages, ends, asked);
  const judged = directPassing(chain.passages, ends, asked);
  if (!passes(judged)) return judged;
  return chain.services.every(({ instances }) => instances.length > 0) ? 'chained' : 'unserved';
}

/** The chain that joins two networks, from whichever side. */
export function chainBetween(chains: readonly ServiceChain[], { from, to }: Ends): ServiceChain | undefined {
  return chains.find(({ left, right }) => (left === from && right === to) || (left === to && right === from));
}

/** The judgement of a flow that a service has led to one of its back ends. */
export function servicePassing({ servicePassages }: ForwardingState, ends: Ends): Passing {
  return servicePassages.some((each) => joins(each, ends)) ? 'service' : 'unconnected';
}

function joins(passage: Passage, { from, to }: Ends): boolean {
  return passage.from === from && passage.to === to;
}
