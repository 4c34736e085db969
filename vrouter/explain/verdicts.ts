/** What a node says to a flow that begins or ends at it: who is reached, whether networks let it pass, which rules allow it. Pure. */
import type { ConfigIndex } from '../compile/index-config.ts';
import { policiesByPair } from '../compile/passages.ts';
import { type JudgedFlow, policyVerdict } from '../compile/verdict.ts';
import { familyOf } from '../linux/family.ts';
import { maskingAddress, nodeAddress } from '../linux/node-addresses.ts';
import type { ForwardingState } from '../model.ts';
import type { InstanceId, Port } from '../model/networks.ts';
import type { Direction } from '../model/policy.ts';
import { destinationOf, isOverlapping, type Sender, type Way } from './destination.ts';
import { chainBetween, type Ends, type Passing } from './passing.ts';
import type {
  EndVerdict,
  PassingVerdict,
  Question,
  SourceQuestion,
  SourceVerdict,
  TargetQuestion,
  TargetVerdict,
} from './questions.ts';

/** The verdict on each question; `null` where its interface is none of this node's. */
export function verdictsOn(
  questions: readonly Question[],
  { state, config }: { readonly state: ForwardingState; readonly config: ConfigIndex },
): readonly (SourceVerdict | TargetVerdict | null)[] {
  const known = { state, policiesOf: policiesByPair(config, state.networks) };
  return questions.map((question) => {
    const port = state.ports.find(({ vmi }) => vmi === question.vmi);
    if (question.vmi !== undefined && port === undefined) return null;
    if (question.end === 'source') return sourceVerdict(question, port, known);
    return port === undefined ? null : targetVerdict(question, port, state);
  });
}

interface Known {
  readonly state: ForwardingState;
  readonly policiesOf: ReturnType<typeof policiesByPair>;
}

function sourceVerdict(
  { to, protocol, port: number, led = false }: SourceQuestion,
  port: Port | undefined,
  { state, policiesOf }: Known,
): SourceVerdict {
  const sender: Sender = {
    network: port?.network ?? state.fabric,
    isNode: port === undefined,
    addresses: port?.addresses ?? [],
    isLed: led,
  };
  const { service, ways, nowhere } = destinationOf(state, sender, { address: to, protocol, port: number });
  const passingVerdict = ({ network, passing }: Pick<Way, 'network' | 'passing'>): PassingVerdict => ({
    network: nameOf(state, network),
    passing,
    by: joinedBy({ from: sender.network, to: network }, passing, { state, policiesOf }),
  });
  return {
    network: nameOf(state, sender.network),
    ...(service === undefined ? {} : { service: passingVerdict(service) }),
    ways: ways.map((way) => ({
      ...passingVerdict(way),
      address: way.address,
      port: way.port,
      seenAs: seenAs(state, port, way),
      policy: egressVerdict(state, port, { ...way, protocol }),
    })),
    ...(nowhere === undefined ? {} : { nowhere }),
    ...(nowhere === 'led' ? guideOf(state, to) : {}),
  };
}

/** Who leads this node's packets, and under which address. */
function guideOf(state: ForwardingState, to: string): Pick<SourceVerdict, 'guide'> {
  const { guidance } = state;
  if (guidance?.kind !== 'led') return {};
  return { guide: { node: guidance.guide, seenAs: nodeAddress(state, familyOf(to)) ?? '' } };
}

/** What joins the networks: policies; or services, of which those are told that have no instance, where that is why nothing passes. */
function joinedBy(ends: Ends, passing: Passing, { state, policiesOf }: Known): readonly string[] {
  const chain = chainBetween(state.chains, ends);
  if (chain === undefined || (passing !== 'chained' && passing !== 'unserved')) return policiesOf(ends);
  const services = chain.left === ends.from ? chain.services : chain.services.toReversed();
  return services.filter(({ instances }) => passing === 'chained' || instances.length === 0).map(({ name }) => name);
}

/** Pods of overlapping networks go to others, on other nodes, under their node's address; through services, under their own. */
function seenAs(state: ForwardingState, port: Port | undefined, { address: to, network, passing }: Way) {
  const family = familyOf(to);
  const own = port?.addresses.find((each) => familyOf(each) === family);
  if (port === undefined || own === undefined) return { address: nodeAddress(state, family) ?? '' };
  if (passing === 'chained') return seenThrough(state, { port, own, network });
  const isHere = state.ports.some((each) => each.network === network && each.addresses.includes(to));
  const isMasked = isOverlapping(state, port.network) && network !== port.network && !isHere;
  return isMasked ? { address: maskingAddress(state, family) ?? '' } : { address: own, network: port.networkName };
}

/** The sender's own address, or that of an instance of the service that translates. */
function seenThrough(
  state: ForwardingState,
  { port, own, network }: { readonly port: Port; readonly own: string; readonly network: InstanceId },
) {
  const last = chainBetween(state.chains, { from: port.network, to: network })?.services.at(-1);
  const translated =
    last?.mode === 'in-network-nat'
      ? last.instances.flatMap(({ right }) => right.addresses).find((each) => familyOf(each) === familyOf(own))
      : undefined;
  return translated === undefined
    ? { address: own, network: port.networkName }
    : { address: translated, network: nameOf(state, network) };
}

function egressVerdict(
  state: ForwardingState,
  port: Port | undefined,
  { address: peer, network, protocol, port: number }: Way & { readonly protocol: number },
): EndVerdict {
  const isOwnNode = network === state.fabric && isOwn(state, peer);
  if (port === undefined || isOwnNode || port.addresses.includes(peer)) return EXEMPT;
  return endVerdict(state, port, { direction: 'egress', flow: { peer, network, protocol, port: number } });
}

function targetVerdict(
  { from, network, protocol, port: number }: TargetQuestion,
  port: Port,
  state: ForwardingState,
): TargetVerdict {
  const isOwnNode = network === undefined && isOwn(state, from);
  // A network that is not known here has no members here either.
  const flow = { peer: from, network: idOf(state, network), protocol, port: number };
  return {
    network: port.networkName,
    policy:
      isOwnNode || (network === port.networkName && port.addresses.includes(from))
        ? EXEMPT
        : endVerdict(state, port, { direction: 'ingress', flow }),
  };
}

const EXEMPT: EndVerdict = { kind: 'exempt', groups: [] };
const NO_NETWORK = 0;

function endVerdict(
  state: ForwardingState,
  { vmi }: Port,
  { direction, flow }: { readonly direction: Direction; readonly flow: JudgedFlow },
): EndVerdict {
  const policy = state.policies.find((each) => each.vmi === vmi);
  return { ...policyVerdict(policy, direction, { flow, state }), groups: policy?.groups ?? [] };
}

function isOwn({ address: own, address6 }: ForwardingState, address: string): boolean {
  return address === own || address === address6;
}

function idOf({ networks }: ForwardingState, wanted: string | undefined): InstanceId {
  return networks.find(({ name }) => name === wanted)?.id ?? NO_NETWORK;
}

function nameOf({ networks }: ForwardingState, id: InstanceId): string {
  return networks.find((network) => network.id === id)?.name ?? 'outside';
}
