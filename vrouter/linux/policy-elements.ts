/**
 * The elements of policy. An identity is a number for the groups that an address is in, of those that a port's network is asked
 * about; the number follows from the groups, so that it stays when others come and go. Pure.
 */
import { createHash } from 'node:crypto';
import { createJudge, groupKey, type Judge, orderedRulesOf, peerKey } from '../compile/decision.ts';
import { isEverything } from '../compile/traffic.ts';
import type { Bindings, ForwardingState } from '../model.ts';
import type { InstanceId, Traffic } from '../model/networks.ts';
import type { Direction, PeerTest, PortPolicy } from '../model/policy.ts';
import { intervalText, openRanges, rangeTraffic, spanText } from './blocks.ts';
import type { ElementCollector } from './document.ts';
import { familyOf } from './family.ts';
import { groupPeers, type Peer } from './group-peers.ts';
import { hex, type Marks } from './marks.ts';

interface BoundPort {
  readonly policy: PortPolicy;
  readonly host: string;
  readonly network: InstanceId;
  readonly addresses: readonly string[];
}

interface Side {
  readonly port: BoundPort;
  readonly direction: Direction;
  readonly peers: readonly PeerTest[];
  readonly isOrdered: boolean;
  readonly judge: Judge;
}

export interface PolicyContext {
  readonly state: ForwardingState;
  readonly bindings: Bindings;
  readonly marks: Marks;
}

/** Everything that judges the flows of ports that are bound. */
export function addPolicies(into: ElementCollector, { state, bindings, marks }: PolicyContext): void {
  const sides = sidesOf(state, bindings);
  const numbers = createNumbers();
  for (const direction of ['ingress', 'egress'] as const) {
    const own = sides.filter((side) => side.direction === direction);
    addIdentified(into, direction, { own, state, marks, numbers });
    own.forEach((side) => addBlocks(into, side, numbers));
  }
  for (const { direction, port } of sides) if (direction === 'egress') into.add('departures', `"${port.host}"`);
}

/** Ports whose flows from others are judged. */
export function judgedArrivals({ policies }: ForwardingState): ReadonlySet<string> {
  return new Set(policies.flatMap((policy) => (isJudged(policy, 'ingress') ? [policy.vmi] : [])));
}

function isJudged(policy: PortPolicy, direction: Direction): boolean {
  return policy[direction] !== undefined || policy.tiers?.[direction] !== undefined;
}

function sidesOf(state: ForwardingState, bindings: Bindings): readonly Side[] {
  const policies = new Map(state.policies.map((policy) => [policy.vmi, policy]));
  return state.ports.flatMap(({ vmi, network, addresses }) => {
    const policy = policies.get(vmi);
    const host = bindings.get(vmi);
    if (policy === undefined || host === undefined) return [];
    const port = { policy, host, network, addresses };
    return (['ingress', 'egress'] as const)
      .filter((direction) => isJudged(policy, direction))
      .map((direction) => sideOf(port, direction));
  });
}

function sideOf(port: BoundPort, direction: Direction): Side {
  const allowances = port.policy[direction];
  const tiers = port.policy.tiers?.[direction];
  const judgement = { ...(allowances === undefined ? {} : { allowances }), ...(tiers === undefined ? {} : { tiers }) };
  return {
    port,
    direction,
    peers: [...(allowances ?? []), ...(tiers === undefined ? [] : orderedRulesOf(tiers))].map(({ peer }) => peer),
    isOrdered: tiers !== undefined,
    judge: createJudge(judgement),
  };
}

/** What members of groups may exchange with each port, by their identities. */
function addIdentified(
  into: ElementCollector,
  direction: Direction,
  {
    own,
    state,
    marks,
    numbers,
  }: {
    readonly own: readonly Side[];
    readonly state: ForwardingState;
    readonly marks: Marks;
    readonly numbers: Numbers;
  },
): void {
  for (const { network, sides, peers } of groupPeers(own, direction, state)) {
    const identities = new Map<string, Identity>();
    for (const { address, groups, blocks, pairs } of peers) {
      const identity = numbers.of([direction, network, ...groups, ...blocks].join(' '));
      identities.set(identity, { groups, blocks });
      for (const { from, to } of pairs)
        into.add(`${direction}_identities${familyOf(address)}`, `${marks.pair(from, to)} . ${address}`, identity);
    }
    for (const side of sides) addAllowed(into, side, identities);
    if (!sides.some(({ isOrdered }) => isOrdered)) continue;
    for (const identity of identities.keys()) into.add(`${direction}_identified`, identity);
  }
}

type Identity = Pick<Peer, 'groups' | 'blocks'>;

function addAllowed(into: ElementCollector, side: Side, identities: ReadonlyMap<string, Identity>): void {
  const { port, direction, judge, isOrdered } = side;
  for (const n of ['4', '6'] as const) {
    const addresses = port.addresses.filter((address) => familyOf(address) === n);
    if (addresses.length === 0) continue;
    for (const [identity, { groups, blocks }] of identities) {
      const members = groups.map((group) => groupKey(group, n));
      const traffic = judge(isOrdered ? [...members, ...blocks, EVERYBODY[n]] : members);
      for (const [address, box] of addresses.flatMap((each) => traffic.map((box) => [each, box] as const)))
        addBox(into, direction, { n, key: `${identity} . ${address}`, box });
    }
  }
}

const EVERYBODY = { '4': '0.0.0.0/0', '6': '::/0' } as const;

/** Single ports, and everything, need no intervals. */
function addBox(
  into: ElementCollector,
  direction: Direction,
  { n, key, box }: { readonly n: '4' | '6'; readonly key: string; readonly box: Traffic },
): void {
  if (isEverything([box])) return into.add(`${direction}_all${n}`, key);
  const { protocols, destinationPorts } = box;
  const isSingle = protocols[0] === protocols[1] && destinationPorts[0] === destinationPorts[1];
  const set = `${direction}_${isSingle ? 'ports' : 'ranges'}${n}`;
  into.add(set, `${key} . ${spanText(protocols)} . ${spanText(destinationPorts)}`);
}

/** What others may exchange with a port, by their addresses; where rules have an order, members of groups are not asked again. */
function addBlocks(into: ElementCollector, side: Side, numbers: Numbers): void {
  const { port, direction, peers, isOrdered, judge } = side;
  const blocks = [
    ...peers.flatMap((peer) => (peer.kind === 'block' ? [peerKey(peer)] : [])),
    ...(isOrdered ? Object.values(EVERYBODY) : []),
  ];
  if (isOrdered) into.add(`${direction}_ordered`, `"${port.host}"`);
  if (blocks.length === 0) return;
  const number = numbers.of(port.policy.vmi);
  into.add(`${direction}_numbers`, `"${port.host}"`, number);
  for (const n of ['4', '6'] as const) {
    const ranges = openRanges(blocks.filter((cidr) => familyOf(cidr) === n));
    for (const { addresses, traffic } of rangeTraffic(ranges, n, judge)) {
      for (const { protocols, destinationPorts } of traffic)
        into.add(
          `${direction}_blocks${n}`,
          `${addresses} . ${number} . ${spanText(protocols)} . ${intervalText(destinationPorts)}`,
        );
    }
  }
}

interface Numbers {
  readonly of: (text: string) => string;
}

/**
 * Numbers for texts: from their digest, and the next free one where two have the same. No two things share a number, so that a mark
 * which one look-up has left behind means nothing to the next.
 */
function createNumbers(): Numbers {
  const known = new Map<string, string>();
  const taken = new Set<string>();
  return {
    of(text) {
      let number = known.get(text) ?? numberOf(text);
      if (known.has(text)) return number;
      while (taken.has(number)) number = hex(((Number(number) + 1) | 0x80000000) >>> 0);
      taken.add(number);
      known.set(text, number);
      return number;
    },
  };
}

function numberOf(text: string): string {
  return hex((createHash('sha1').update(text).digest().readUInt32BE(0) | 0x80000000) >>> 0);
}
