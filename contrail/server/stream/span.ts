/**
 * What concerns a node: its own virtual router, machines, ports and their networks; the networks that those may talk to, or that may ask a
 * service or a floating address of theirs; every port and address there, floating ones too; the ports that all nodes reach by floating
 * addresses; every virtual router; every service of chains; every logical router, with its networks; the firewall policies of its ports; and
 * the load balancers that those networks can reach, with their backends and how these are checked. A node is itself in the network
 * `ip-fabric`, so what may talk to nodes concerns it too, but for guided networks, whose pods it is led to (`guidance.ts`).
 */
import type { StoredObject } from '../store/objects.ts';
import type { CacheView } from './cache.ts';
import { FIREWALL_FOLLOWERS, FIREWALL_RULES } from './firewall-span.ts';
import { isFloating } from './floating.ts';
import type { Guidance } from './guidance.ts';
import { isAt, refsOf, some } from './links.ts';
import { IP_FABRIC, type NetworkPairs } from './pairs.ts';
import type { Served } from './served-pools.ts';

/** What runs on a node. */
export interface Local {
  readonly machines: ReadonlySet<string>;
  readonly ports: ReadonlySet<string>;
  readonly groups: ReadonlySet<string>;
  readonly networks: ReadonlySet<string>;
  readonly projects: ReadonlySet<string>;
  /** Tags of ports, by whichever object they carry them. */
  readonly tags: ReadonlySet<string>;
  /** Whether all nodes reach one of the ports by a floating address. */
  readonly isFloating: boolean;
}

/** The part of a span from which all membership follows. */
export interface Scope {
  readonly local: Local;
  /** The node's networks and those that they may talk to. */
  readonly networks: ReadonlySet<string>;
  /** Networks whose pods the node may be led to. */
  readonly guided: ReadonlySet<string>;
}

/** Works out what runs on a node: about three look-ups for each of its ports. */
export function localOf(cache: CacheView, node: string): Local {
  const router = cache.get(cache.byName('virtual-router', `default-global-system-config:${node}`) ?? '');
  const machines = refsOf(router, 'virtual_machine_refs');
  const ports = machines
    .flatMap((machine) => [...cache.linked(machine, 'virtual-machine-interface')])
    .map((uuid) => cache.get(uuid));
  const fabric = cache.byName('virtual-network', IP_FABRIC);
  const networks = new Set([
    ...(fabric === undefined ? [] : [fabric]),
    ...ports.flatMap((port) => refsOf(port, 'virtual_network_refs')),
  ]);
  const projects = new Set(ports.flatMap((port) => port?.parentUuid ?? []));
  const holders = [...ports, ...[...machines, ...networks, ...projects].map((uuid) => cache.get(uuid))];
  return {
    machines: new Set(machines),
    ports: new Set(ports.flatMap((port) => port?.uuid ?? [])),
    groups: new Set(ports.flatMap((port) => refsOf(port, 'security_group_refs'))),
    networks,
    projects,
    tags: new Set(holders.flatMap((holder) => refsOf(holder, 'tag_refs'))),
    isFloating: ports.some((port) => port !== undefined && isFloating(cache, port)),
  };
}

/** What networks' scopes follow from. */
export interface ScopeDeps {
  readonly cache: CacheView;
  readonly pairs: NetworkPairs;
  readonly guidance: Guidance;
}

/** What a scope follows from on its node. */
interface OnNode {
  readonly node: string;
  readonly local: Local;
  readonly served: Served;
}

/** The node's networks and their peers, those that its services are asked from, and those of routers. */
export function scopeOf({ cache, pairs, guidance }: ScopeDeps, { node, local, served }: OnNode): Scope {
  const { networks: guided } = guidance;
  const fabric = cache.byName('virtual-network', IP_FABRIC);
  // What is reached at nodes is asked by everybody who reaches nodes.
  const knowsAll = guidance.knowsAll(node) || served.isExposed();
  const networks = new Set([...local.networks, ...pairs.routed(), ...askersOf(local, pairs)]);
  for (const network of local.networks) {
    const isLed = network === fabric && !knowsAll;
    for (const peer of pairs.of(network)) if (!isLed || !guided.has(peer)) networks.add(peer);
  }
  // Answers go straight back to whoever has asked.
  for (const network of served.networks())
    for (const peer of pairs.of(network)) if (guided.has(peer)) networks.add(peer);
  return { local, networks, guided };
}

/** Whose pods may ask for floating addresses of the node's. */
function askersOf({ isFloating: isAsked }: Local, pairs: NetworkPairs): Iterable<string> {
  return isAsked ? pairs.asking() : [];
}

/** Whether an object lies in the span. */
export function includes(cache: CacheView, scope: Scope, object: StoredObject): boolean {
  const rule = RULES[object.type];
  return rule !== undefined && rule(cache, scope, object);
}

/** Objects whose membership may follow from a change of this one, itself included; both its old and new links count. */
export function affectedBy(cache: CacheView, object: StoredObject): Set<string> {
  const seen = new Set<string>();
  const visit = (each: StoredObject): void => {
    if (seen.has(each.uuid)) return;
    seen.add(each.uuid);
    for (const uuid of FOLLOWERS[each.type]?.(cache, each) ?? []) {
      const follower = cache.get(uuid);
      if (follower !== undefined) visit(follower);
    }
  };
  visit(object);
  return seen;
}

type Rule = (cache: CacheView, scope: Scope, object: StoredObject) => boolean;

const everywhere: Rule = () => true;

const RULES: Readonly<Record<string, Rule>> = {
  'virtual-router': everywhere,
  'logical-router': everywhere,
  'global-system-config': everywhere,
  'global-vrouter-config': everywhere,
  // Few, and policies name them by text alone; their interfaces are in the networks that they join.
  'service-template': everywhere,
  'service-instance': everywhere,
  'port-tuple': everywhere,
  'virtual-network': (cache, scope, { uuid }) => isKnownNetwork(cache, scope, uuid),
  'network-policy': (cache, scope, { uuid }) =>
    some(cache.linked(uuid, 'virtual-network'), (network) => scope.networks.has(network)),
  'network-ipam': (cache, scope, { uuid }) =>
    some(
      cache.linked(uuid, 'virtual-network'),
      // Whoever is led to a network has to know its addresses.
      (network) => scope.guided.has(network) || isKnownNetwork(cache, scope, network),
    ),
  'virtual-machine': (cache, scope, object) => scope.local.machines.has(object.uuid) || isTagged(cache, scope, object),
  project: isTagged,
  ...FIREWALL_RULES,
  'security-group': (_cache, scope, { uuid }) => scope.local.groups.has(uuid),
  'virtual-machine-interface': isKnownPort,
  'instance-ip': (cache, scope, object) => {
    if (hasNetwork(scope, object)) return true;
    return refsOf(object, 'virtual_machine_interface_refs').some((port) =>
      isAt(cache, port, (found) => isKnownPort(cache, scope, found)),
    );
  },
  'floating-ip': (cache, scope, object) =>
    refsOf(object, 'virtual_machine_interface_refs').some((port) =>
      isAt(cache, port, (found) => isKnownPort(cache, scope, found)),
    ),
  loadbalancer: isKnownBalancer,
  'loadbalancer-listener': isKnownListener,
  'loadbalancer-pool': isKnownPool,
  'loadbalancer-healthmonitor': (cache, scope, { uuid }) =>
    some(cache.linked(uuid, 'loadbalancer-pool'), (pool) =>
      isAt(cache, pool, (found) => isKnownPool(cache, scope, found)),
    ),
  'service-health-check': (cache, scope, { uuid }) =>
    some(cache.linked(uuid, 'virtual-machine-interface'), (port) =>
      isAt(cache, port, (found) => isKnownPort(cache, scope, found)),
    ),
  'loadbalancer-member': (cache, scope, { parentUuid }) =>
    isAt(cache, parentUuid ?? '', (pool) => isKnownPool(cache, scope, pool)),
};

type Followers = (cache: CacheView, object: StoredObject) => Iterable<string>;

/** Whose membership follows from whose. */
const FOLLOWERS: Readonly<Record<string, Followers>> = {
  ...FIREWALL_FOLLOWERS,
  'virtual-machine-interface': (cache, object) => [
    ...cache.linked(object.uuid, 'instance-ip'),
    ...cache.linked(object.uuid, 'floating-ip'),
    ...cache.linked(object.uuid, 'loadbalancer'),
    ...refsOf(object, 'service_health_check_refs'),
    ...refsOf(object, 'virtual_machine_refs'),
    ...(object.parentUuid === undefined ? [] : [object.parentUuid]),
  ],
  'floating-ip': (cache, object) => withNetworks(cache, refsOf(object, 'virtual_machine_interface_refs')),
  'floating-ip-pool': (cache, { uuid }) => cache.linked(uuid, 'floating-ip'),
  loadbalancer: (cache, { uuid }) => cache.linked(uuid, 'loadbalancer-listener'),
  'loadbalancer-listener': (cache, { uuid }) => cache.linked(uuid, 'loadbalancer-pool'),
  'loadbalancer-pool': (cache, object) => [
    ...cache.linked(object.uuid, 'loadbalancer-member'),
    ...refsOf(object, 'loadbalancer_healthmonitor_refs'),
  ],
  'loadbalancer-member': (cache, object) => {
    const ports = cache.links(object).filter((uuid) => cache.get(uuid)?.type === 'virtual-machine-interface');
    return withNetworks(cache, ports);
  },
  'virtual-network': (cache, object) => [
    ...refsOf(object, 'network_ipam_refs'),
    ...refsOf(object, 'network_policy_refs'),
    ...cache.linked(object.uuid, 'floating-ip-pool'),
  ],
};

function withNetworks(cache: CacheView, ports: readonly string[]): readonly string[] {
  return [...ports, ...ports.flatMap((port) => refsOf(cache.get(port), 'virtual_network_refs'))];
}

function isKnownPort(cache: CacheView, scope: Scope, port: StoredObject): boolean {
  return (
    hasNetwork(scope, port) ||
    isFloating(cache, port) ||
    some(cache.linked(port.uuid, 'loadbalancer-member'), (member) => isKnownMember(cache, scope, member))
  );
}

/** What gives ports its tags, besides themselves, is needed of machines elsewhere and of projects. */
function isTagged(cache: CacheView, scope: Scope, object: StoredObject): boolean {
  if (refsOf(object, 'tag_refs').length === 0) return false;
  return some(cache.linked(object.uuid, 'virtual-machine-interface'), (port) =>
    isAt(cache, port, (found) => isKnownPort(cache, scope, found)),
  );
}

function isKnownMember(cache: CacheView, scope: Scope, uuid: string): boolean {
  return isAt(cache, cache.get(uuid)?.parentUuid ?? '', (pool) => isKnownPool(cache, scope, pool));
}

function isKnownPool(cache: CacheView, scope: Scope, pool: StoredObject): boolean {
  return refsOf(pool, 'loadbalancer_listener_refs').some((uuid) =>
    isAt(cache, uuid, (listener) => isKnownListener(cache, scope, listener)),
  );
}

function isKnownListener(cache: CacheView, scope: Scope, listener: StoredObject): boolean {
  return refsOf(listener, 'loadbalancer_refs').some((uuid) =>
    isAt(cache, uuid, (balancer) => isKnownBalancer(cache, scope, balancer)),
  );
}

function isKnownBalancer(cache: CacheView, scope: Scope, balancer: StoredObject): boolean {
  return refsOf(balancer, 'virtual_machine_interface_refs').some((uuid) =>
    isAt(cache, uuid, (port) => hasNetwork(scope, port)),
  );
}

/**
 * A network outside the scope matters where a backend of a reachable service, or a port that all nodes reach, lives in it, and where it has
 * a provider (`ip-fabric`): the underlay routes it, and no node may take its addresses for the outside's. Those at an interface of nodes are
 * few, and of each node's concern that may have it.
 */
function isKnownNetwork(cache: CacheView, scope: Scope, uuid: string): boolean {
  const network = cache.get(uuid);
  if (scope.networks.has(uuid) || refsOf(network, 'virtual_network_refs').length > 0) return true;
  if (network?.properties['provider_properties']) return true;
  return some(
    cache.linked(uuid, 'virtual-machine-interface'),
    (port) =>
      isAt(cache, port, (found) => isFloating(cache, found)) ||
      some(cache.linked(port, 'loadbalancer-member'), (member) => isKnownMember(cache, scope, member)),
  );
}

function hasNetwork(scope: Scope, object: StoredObject): boolean {
  return refsOf(object, 'virtual_network_refs').some((uuid) => scope.networks.has(uuid));
}
