/** What the outside may reach by way of this node, for whoever tells routers of it. Pure. */
import type { ForwardingState } from '../model.ts';

/** Addresses, sorted; the wire of `/introspect/reachable`. */
export interface Reachable {
  /** Floating addresses of this node's pods. */
  readonly floating: readonly string[];
  /** Addresses of load balancers that this node may answer for, others perhaps too. */
  readonly services: readonly string[];
  /** Addresses of routers for which this node translates. */
  readonly routers: readonly string[];
  /** Addresses of this node's pods in networks that the underlay routes, where the outside may reach them. */
  readonly pods: readonly string[];
  /** Subnets of the cluster's own, which no route from outside may lead away. */
  readonly subnets: readonly string[];
}

/**
 * Nothing but subnets, as long as the node's own address is not known; and nothing that is answered for at an interface of its own, since no
 * other way leads to it.
 */
export function reachable({ address, ...state }: ReachableState): Reachable {
  const able = state.announcements.filter(
    ({ nodes, at }) => at === undefined && address !== undefined && nodes.includes(address),
  );
  const mine = new Set(able.map((announcement) => announcement.address));
  const floating = new Set(state.floating.map((each) => each.address));
  const routers = new Set(state.egress.map((each) => each.address));
  const translating = state.egress.filter(({ via }) => via === undefined).map((each) => each.address);
  const flat = state.networks.filter(({ overlapping }) => !overlapping).flatMap(({ subnets }) => subnets);
  const entered = new Set(state.inbound.map(({ to }) => to));
  const pods = state.ports.filter(({ network }) => address !== undefined && entered.has(network));
  return {
    floating: sorted([...floating].filter((each) => mine.has(each))),
    services: sorted([...mine].filter((each) => !floating.has(each) && !routers.has(each))),
    routers: sorted(translating.filter((each) => mine.has(each))),
    pods: sorted(pods.flatMap(({ addresses }) => addresses)),
    subnets: sorted([...flat, ...state.serviceSubnets]),
  };
}

type ReachableState = Pick<
  ForwardingState,
  'address' | 'announcements' | 'floating' | 'egress' | 'inbound' | 'ports' | 'networks' | 'serviceSubnets'
>;

const sorted = (texts: readonly string[]): readonly string[] => [...new Set(texts)].sort();
