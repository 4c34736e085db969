/** Whom a flow of this node's is led to: the order in which the kernel looks (`linux/admission.ts`), on the state. Pure. */
import { cidrList } from '../../runtime/cidr.ts';
import { PROTOCOL_NUMBERS } from '../compile/rule-traffic.ts';
import { NOWHERE } from '../linux/edges.ts';
import { familyOf } from '../linux/family.ts';
import { knownAddresses } from '../linux/node-addresses.ts';
import { type ForwardingState } from '../model.ts';
import { type FloatingElsewhere } from '../model/edges.ts';
import { type InstanceId, type Network, OUTSIDE } from '../model/networks.ts';
import { type Backend, type Service } from '../model/services.ts';
import {
  type Asked,
  chainBetween,
  directPassing,
  joinedPassing,
  passes,
  type Passing,
  servicePassing,
} from './passing.ts';

/** Who sends: a pod of a network, or the node itself. */
export interface Sender {
  readonly network: InstanceId;
  readonly isNode: boolean;
  readonly addresses: readonly string[];
  /** It is another node, which this one leads. */
  readonly isLed?: boolean;
}

/** An address that a flow reaches if its passage and both ends' policies let it. */
export interface Way {
  readonly address: string;
  readonly port: number;
  readonly network: InstanceId;
  readonly passing: Passing;
}

/** What an address and a port lead to. */
export interface Destination {
  /** The network of the service, and whether it may be asked at all; absent where the address is nobody's but its own. */
  readonly service?: { readonly network: InstanceId; readonly passing: Passing };
  readonly ways: readonly Way[];
  /**
   * Why there is no way: a service without back ends, or an address that the sender's network does not know; or its guide is the one
   * to say.
   */
  readonly nowhere?: 'refused' | 'silent' | 'unknown' | 'led';
}

/** Where `asked` at `address` goes to from a sender. */
export function destinationOf(
  state: ForwardingState,
  sender: Sender,
  asked: Asked & { readonly address: string },
): Destination {
  const vip = state.services.find(({ vip: address }) => address === asked.address);
  if (vip !== undefined) return serviceDestination(state, { sender, asked, network: vip.network });
  const exposure = isOverlapping(state, sender.network)
    ? undefined
    : state.exposures.find((each) => each.address === asked.address && isAsked(each, asked));
  if (exposure !== undefined) return backendWays(state, sender, exposure.inside);
  return floatingDestination(state, sender, asked) ?? directDestination(state, sender, asked);
}

function floatingDestination(
  state: ForwardingState,
  { network: from, isNode }: Sender,
  { address, ...asked }: Asked & { readonly address: string },
): Destination | undefined {
  const mayAsk = isNode || passes(directPassing(state.outbound, { from, to: OUTSIDE }, asked));
  const found = mayAsk && !isOverlapping(state, from) ? floatingAt(state, address) : undefined;
  if (found === undefined) return undefined;
  const { target, network, ports } = found;
  const passing = isNode && isHere(state, target) ? 'host' : servicePassing(state, { from, to: network });
  const mapped = ports?.filter((each) => isAsked(each, asked)).map(({ targetPort }) => targetPort);
  const ways = (mapped ?? [asked.port]).map((port) => ({ address: target, port, network, passing }));
  return ways.length === 0 ? { ways, nowhere: 'unknown' } : { ways };
}

/** A pod's that is reached by a floating address without going outside; those at the fabric are the outside's on other nodes. */
function floatingAt(state: ForwardingState, address: string): Omit<FloatingElsewhere, 'external'> | undefined {
  const here = state.floating.filter(({ inward, network }) => inward && !isOverlapping(state, network));
  return [...here, ...state.floatingElsewhere].find((each) => each.address === address);
}

interface AskedService {
  readonly sender: Sender;
  readonly asked: Asked & { readonly address: string };
  readonly network: InstanceId;
}

function serviceDestination(state: ForwardingState, { sender, asked, network }: AskedService): Destination {
  const judged = directPassing(state.passages, { from: sender.network, to: network }, asked);
  // The node itself has services whole, or not at all.
  const passing = sender.isNode && judged === 'limited' ? 'beyond-limits' : judged;
  const service = { network, passing };
  if (!passes(passing)) return { service, ways: [] };
  const own = state.services.find((each) => each.vip === asked.address && isAsked(each, asked));
  if (own?.silent === true) return { service, ways: [], nowhere: 'silent' };
  return { service, ...backendWays(state, sender, own?.backends ?? []) };
}

function backendWays(state: ForwardingState, { network: from }: Sender, backends: readonly Backend[]): Destination {
  const ways = backends.map(({ address, port, network: to }) => ({
    address,
    port,
    network: to,
    passing: servicePassing(state, { from, to }),
  }));
  return ways.length === 0 ? { ways, nowhere: 'refused' } : { ways };
}

function directDestination(
  state: ForwardingState,
  sender: Sender,
  { address, ...asked }: Asked & { readonly address: string },
): Destination {
  const probed = sender.isNode ? state.ports.find(({ probe }) => probe === address) : undefined;
  const network = probed?.network ?? networkOf(state, sender, address);
  if (network === undefined) return outsideDestination(state, sender, { address, ...asked });
  const isOwn = sender.isLed !== true && (probed !== undefined || isHere(state, address));
  const isUnjudged = sender.isNode && (network === state.fabric || isOwn);
  const passing = isUnjudged ? 'host' : joinedPassing(state, { from: sender.network, to: network }, asked);
  return { ways: [{ address, port: asked.port, network, passing }] };
}

/** What nobody inside has is sought outside, by whoever may go there (`linux/edges.ts`). */
function outsideDestination(
  state: ForwardingState,
  { network: from, isNode, addresses }: Sender,
  { address, ...asked }: Asked & { readonly address: string },
): Destination {
  if (isNode && isGuided(state, address)) return { ways: [], nowhere: 'led' };
  const inside = state.networks.filter(({ id, overlapping }) => !overlapping || id === from);
  const isInside = cidrList([...NOWHERE[4], ...NOWHERE[6], ...inside.flatMap(({ subnets }) => subnets)])(address);
  if (isNode || isInside) return { ways: [], nowhere: 'unknown' };
  const floats = state.floating.some(
    ({ outward, network, target }) => outward && network === from && addresses.includes(target),
  );
  const isRouted = state.egress.some((each) => each.network === from && familyOf(each.address) === familyOf(address));
  const passing = floats || isRouted ? 'open' : directPassing(state.outbound, { from, to: OUTSIDE }, asked);
  return { ways: [{ address, port: asked.port, network: OUTSIDE, passing }] };
}

/** Whose an address is for a sender: a flat network's means the same to all, an overlapping one's depends on who asks. */
function networkOf(state: ForwardingState, { network: from, isNode }: Sender, address: string): InstanceId | undefined {
  const holders = [
    ...state.ports.filter(({ addresses }) => addresses.includes(address)),
    ...state.remotes.filter((remote) => remote.address === address),
  ].map(({ network }) => network);
  const own = holders.find((network) => network === from);
  if (own !== undefined && isOverlapping(state, own)) return own;
  const flat = isOverlapping(state, from) ? undefined : holders.find((network) => !isOverlapping(state, network));
  if (flat !== undefined) return flat;
  if (!isOverlapping(state, from) && isMachine(state, address)) return state.fabric;
  if (isNode) return undefined;
  const isJoined = (to: InstanceId): boolean =>
    chainBetween(state.chains, { from, to }) !== undefined ||
    state.passages.some((each) => each.from === from && each.to === to);
  return holders.find(isJoined);
}

function isGuided({ guidance }: ForwardingState, address: string): boolean {
  return guidance?.kind === 'led' && cidrList(guidance.blocks)(address);
}

function isHere({ ports, networks }: ForwardingState, address: string): boolean {
  return ports.some(({ addresses, network }) => addresses.includes(address) && !isOverlapping({ networks }, network));
}

/** Whether an address is one of the nodes'. */
function isMachine(state: Pick<ForwardingState, 'address' | 'address6' | 'peers'>, address: string): boolean {
  return [state, ...state.peers].some((node) => knownAddresses(node).includes(address));
}

/** Whether a network's addresses may occur in others, too. */
export function isOverlapping({ networks }: { readonly networks: readonly Network[] }, id: InstanceId): boolean {
  return networks.some((network) => network.id === id && network.overlapping);
}

function isAsked(each: Pick<Service, 'protocol' | 'port'>, { protocol, port }: Asked): boolean {
  return PROTOCOL_NUMBERS[each.protocol] === protocol && each.port === port;
}
