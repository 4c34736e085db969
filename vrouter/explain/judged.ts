/** Whose word it is that a flow, as the kernel has noted it, passes or is refused at a port of this node's. Pure. */
import { PROTOCOL_NUMBERS } from '../compile/rule-traffic.ts';
import { type PolicyVerdict, policyVerdict } from '../compile/verdict.ts';
import { instancesOf } from '../linux/marks.ts';
import type { Noted } from '../linux/noted.ts';
import type { ForwardingState } from '../model.ts';
import type { InstanceId } from '../model/networks.ts';
import type { Direction, GroupMember, PortPolicy } from '../model/policy.ts';

type NotedFlow = Pick<Noted<string>, 'mark' | 'from' | 'to' | 'protocol' | 'port'>;

export interface Judged {
  /** The policy of the flow's port, where it has one. */
  readonly policy?: PortPolicy;
  readonly verdict: PolicyVerdict;
}

/** Judges noted flows by a state; it is looked through once for all of them. */
export function createJudged(state: ForwardingState): (flow: NotedFlow, direction: Direction) => Judged {
  const vmis = new Map(
    state.ports.flatMap(({ addresses, network, vmi }) => addresses.map((address) => [at(network, address), vmi])),
  );
  const policies = new Map(state.policies.map((policy) => [policy.vmi, policy]));
  const membersAt = peersAmong(state);
  return ({ mark, from, to, protocol, port = 0 }, direction) => {
    const [source, target] = instancesOf(mark);
    const [own, peer, ownNetwork, peerNetwork] =
      direction === 'ingress' ? [to, from, target, source] : [from, to, source, target];
    const policy = policies.get(vmis.get(at(ownNetwork, own)) ?? '');
    const flow = { peer, protocol: PROTOCOL_NUMBERS[protocol] ?? Number(protocol), port };
    const members = membersAt(peer, peerNetwork, direction === 'ingress' && source === target);
    const verdict = policyVerdict(policy, direction, { flow, state: { members } });
    return { ...(policy === undefined ? {} : { policy }), verdict };
  };
}

/** Who has an address. What came through the tunnel came under its target's network; whose it really was, flat addresses tell. */
function peersAmong({ members, networks }: ForwardingState) {
  const byAddress = Map.groupBy(members, ({ address }) => address);
  const overlapping = new Set(networks.filter((each) => each.overlapping).map(({ id }) => id));
  return (address: string, network: InstanceId | undefined, isMaybeTunnelled: boolean): readonly GroupMember[] => {
    const all = byAddress.get(address) ?? [];
    const own = all.filter((member) => network === undefined || member.network === network);
    return own.length > 0 || !isMaybeTunnelled ? own : all.filter((member) => !overlapping.has(member.network));
  };
}

function at(network: InstanceId | undefined, address: string): string {
  return `${network ?? ''} ${address}`;
}
