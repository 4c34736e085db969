/** Config objects to one node's forwarding: `compile` of design section 3. Pure. */
import type { ForwardingState } from '../model.ts';
import type { Network, Passage, Peer } from '../model/networks.ts';
import type { Service } from '../model/services.ts';
import { compileChains } from './chains.ts';
import { compileEgress } from './egress.ts';
import { compileExternals } from './externals.ts';
import { compileEndpoints, compilePeers, placeOf } from './endpoints.ts';
import { compileFloating, floatingPassages } from './floating.ts';
import type { ConfigSet } from './following-index.ts';
import { compileFirewallMirrors } from './firewall-mirrors.ts';
import { compileGuidance } from './guidance.ts';
import { compileHealthChecks } from './health-checks.ts';
import { compileNetworks, FABRIC_NAME } from './networks.ts';
import { compileOutbound } from './outbound.ts';
import { createMemory, type Memory } from './memory.ts';
import { compileMirrors, compilePolicyMirrors } from './mirrors.ts';
import { compilePassages } from './passages.ts';
import { compilePolicies } from './policies.ts';
import { type Balanced, compileServicePassages, compileServices } from './services.ts';

/** The fabric's instance before its network object is known. */
const DEFAULT_FABRIC = 1;

interface CompileOptions {
  /** Nodes that are silent. */
  readonly dead?: ReadonlySet<string>;
  /** Members of pools, and interfaces, that are not well, by their UUIDs. */
  readonly unhealthy?: ReadonlySet<string>;
  /** The names of the nodes that translate for routers' addresses, by address; absent: chosen by who lives. */
  readonly tenants?: ReadonlyMap<string, string> | undefined;
  /** What an earlier compilation for the same node knew; this one leaves what it knows. */
  readonly memory?: Memory<Balanced>;
}

/**
 * What this node forwards, from the objects it is sent. The same objects give the same state, in the same order. Back ends of
 * nodes that are `dead` are left out where there are others, those that are `unhealthy` always.
 */
export function compile(
  config: ConfigSet,
  node: string,
  { dead = new Set(), unhealthy = new Set(), tenants, memory = createMemory() }: CompileOptions = {},
): ForwardingState {
  const index = memory.index(config);
  const networks = compileNetworks(index);
  const fabric = networks.find(({ name }) => name === FABRIC_NAME)?.id ?? DEFAULT_FABRIC;
  const { chains, bypassed } = compileChains(index, { networks, node, dead });
  const passages = merged(compilePassages(index, networks), bypassed);
  const routers = compilePeers(index);
  const own = routers.find(({ name }) => name === node);
  const { ports, remotes } = compileEndpoints(index, networks, node);
  const peers = routers.filter(({ name }) => name !== node);
  const place = { ...placeOf(index, node), dead };
  const externals = compileExternals(index, node);
  const around = { networks, fabric, passages, place: { ...place, dead: [...dead] }, own, peers, externals };
  memory.renew({ around: JSON.stringify(around), aside: unhealthy });
  const context = { networks, fabric, passages, ports, remotes, unhealthy, place, own, peers, externals };
  const balanced = compileServices(index, context, memory);
  const outward = compileOutbound(index, { networks, passages, fabric });
  const { announcements, ...floats } = compileFloating(index, { ...context, dead });
  const { egress, ...routed } = compileEgress(index, { networks, nodes: routers, node, dead, externals, tenants });
  const serviceSubnets = subnetsOfServices(balanced.services, networks);
  const servicePassages = compileServicePassages(balanced, { passages, fabric });
  return withFirewallMirrors({
    node,
    ...addressesOf(own),
    fabric,
    peers,
    networks,
    ports,
    remotes,
    ...compileGuidance(index, { nodes: routers, node, dead, serviceSubnets }),
    mirrors: [...compileMirrors(index, ports), ...compilePolicyMirrors(index, { networks, ports, remotes, passages })],
    passages,
    chains,
    servicePassages: merged(servicePassages, floatingPassages(floats, { networks, fabric, ...outward })),
    ...outward,
    ...externals.state,
    ...floats,
    egress,
    ...balanced,
    healthChecks: compileHealthChecks(index, { node, ports }),
    announcements: [...balanced.announcements, ...announcements, ...routed.announcements],
    serviceSubnets,
    ...compilePolicies(index, networks, ports),
  });
}

function withFirewallMirrors(state: ForwardingState): ForwardingState {
  return { ...state, mirrors: [...state.mirrors, ...compileFirewallMirrors(state)] };
}

function addressesOf(own: Peer | undefined): Pick<ForwardingState, 'address' | 'address6'> {
  if (own === undefined) return {};
  return { address: own.address, ...(own.address6 === undefined ? {} : { address6: own.address6 }) };
}

/** The subnets that virtual addresses come from, each once, sorted. */
function subnetsOfServices(services: readonly Service[], networks: readonly Network[]): readonly string[] {
  const ids = new Set(services.map(({ network }) => network));
  return [...new Set(networks.filter(({ id }) => ids.has(id)).flatMap(({ subnets }) => subnets))].sort();
}

/** Two lots of passages, each once. */
function merged(some: readonly Passage[], others: readonly Passage[]): readonly Passage[] {
  if (others.length === 0) return some;
  const found = new Map([...some, ...others].map((passage) => [`${passage.from} ${passage.to}`, passage]));
  return [...found.values()].sort((a, b) => a.from - b.from || a.to - b.to);
}
