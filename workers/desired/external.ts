/** Which pool gives a Service of type LoadBalancer its addresses, and which these are to be. Pure. */
import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import type { FqName } from '../../contrail/objects.ts';
import type { ExternalInput } from '../../contrail/desired/external.ts';
import { type Family, familyOf } from '../../contrail/desired/pod.ts';
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import type { SlimFloatingIpPool } from '../../kubernetes/floating-ip-pool.ts';
import { literalValue } from '../../kubernetes/literal.ts';
import { GATEWAY_ANNOTATION } from '../../kubernetes/gateway.ts';
import type { SlimNamespace, SlimNode } from '../../kubernetes/objects.ts';
import { canonicalAddress } from '../../runtime/addresses.ts';
import { TerminalError } from '../../runtime/errors.ts';
import type { ClusterSettings } from '../cluster-settings.ts';
import { refuseOfNode } from '../node-addresses.ts';
import { gives } from '../pool-addresses.ts';
import type { BalancerRequest, WorkerService } from '../services.ts';

export interface ExternalSubject {
  readonly service: WorkerService;
  /** Whose pools serve it. */
  readonly namespace: SlimNamespace;
  /** All pools, in any order. */
  readonly pools: readonly SlimFloatingIpPool[];
  readonly nodes: readonly SlimNode[];
  /** An operator's own in Contrail, which the annotation names (`namedInContrail`), if it is there. */
  readonly foreign?: ForeignPool;
}

/** A `floating-ip-pool` that no FloatingIPPool stands for. */
export interface ForeignPool {
  readonly fqName: FqName;
  readonly subnets: SlimFloatingIpPool['subnets'];
}

/**
 * The addresses that a Service is to have from outside, of each pool that may give them, in the order in which these are asked; nothing
 * where it asks for none, or for a class that no pool serves: that is somebody else's. Throws a `TerminalError` where the user asks
 * for what cannot be.
 */
export function externalInputs(subject: ExternalSubject, { names }: ClusterSettings): readonly ExternalInput[] {
  const { service, foreign, nodes } = subject;
  const { balancer } = service;
  if (balancer === undefined) return [];
  const pools =
    foreign === undefined
      ? poolsFor(subject).map((pool) => ({ ...pool, fqName: names.floatingIpPool(pool.name) }))
      : [{ name: foreign.fqName.join(':'), ...foreign }];
  const { assigned } = balancer;
  return pools.map((pool) => {
    const requested = requestedFrom(pool, balancer, nodes);
    const addresses = [...commonFamilies(service, pool)].map((family) => {
      // What it has been given it keeps, also when the database is made anew.
      const address = [requested, ...assigned].find(
        (each) => each !== undefined && familyOf(each) === family && holds(pool, each),
      );
      return { family, ...(address === undefined ? {} : { address }) };
    });
    return { pool: pool.fqName, addresses, assigned };
  });
}

/** What it has been given already it keeps, though a node has come with it since. */
function requestedFrom(
  pool: Pick<SlimFloatingIpPool, 'name' | 'subnets'>,
  { requested, assigned }: BalancerRequest,
  nodes: readonly SlimNode[],
): string | undefined {
  if (requested === undefined) return undefined;
  const field = 'spec.loadBalancerIP';
  requireIn(pool, field, requested);
  const address = canonicalAddress(requested);
  if (!assigned.includes(address)) refuseOfNode(field, address, nodes);
  return address;
}

/**
 * The pool that an annotation names in Contrail's dictionary, whole, where no FloatingIPPool has its name: an operator's own. Services of a
 * class are others'.
 */
export function namedInContrail({ service, namespace, pools }: ExternalSubject): FqName | undefined {
  const { balancer, annotations } = service;
  if (balancer === undefined || balancer.class !== undefined) return undefined;
  const text = annotations[ANNOTATION.fipPool] ?? namespace.annotations[ANNOTATION.fipPool];
  const named = FullName.safeParse(text === undefined ? undefined : literalValue(text)).data;
  if (named === undefined || pools.some(({ name }) => name === named.name)) return undefined;
  return [named.domain, named.project, named.network, named.name];
}

const FullName = z.object({ domain: z.string(), project: z.string(), network: z.string(), name: z.string() });

/** The namespace whose pools serve a Service: its own, or that of the Gateway that our proxy has made it for. */
export function beneficiaryOf(
  { namespace, annotations }: Pick<WorkerService, 'namespace' | 'annotations'>,
  { ownNamespace }: Pick<ClusterSettings, 'ownNamespace'>,
): string {
  const [gateway = ''] = annotations[GATEWAY_ANNOTATION]?.split('/') ?? [];
  return namespace === ownNamespace && gateway !== '' ? gateway : namespace;
}

/**
 * The pool that an annotation names, on the Service or its namespace; else that of the address that the Service asks for or has, so that
 * a pool which comes moves nobody; else all that serve both and have addresses of its family, by name.
 */
function poolsFor({ service, namespace, pools }: ExternalSubject): readonly SlimFloatingIpPool[] {
  const served = [...pools]
    .filter(({ loadBalancerClass }) => loadBalancerClass === service.balancer?.class)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  if (served.length === 0) return [];
  const allowed = served.filter(({ namespaces }) => namespaces?.includes(namespace.name) ?? true);
  const named = service.annotations[ANNOTATION.fipPool] ?? namespace.annotations[ANNOTATION.fipPool];
  const pool =
    named === undefined ? poolOf(service.balancer, allowed) : allowed.find(({ name }) => namesPool(named, name));
  if (pool !== undefined) return [pool];
  if (named === undefined && allowed.length > 0) {
    const able = allowed.filter((each) => familiesIn(each, service).length > 0);
    return able.length > 0 ? able : allowed.slice(0, 1);
  }
  const among = allowed.map(({ name }) => name).join(', ') || 'none';
  throw new TerminalError(
    'NoPool',
    `${named === undefined ? '' : `${ANNOTATION.fipPool}: ${named}: `}no FloatingIPPool for namespace ${namespace.name} (there are: ${among})`,
  );
}

/** Of several that share a subnet, the one that gives the address away. */
function poolOf(
  balancer: BalancerRequest | undefined,
  pools: readonly SlimFloatingIpPool[],
): SlimFloatingIpPool | undefined {
  const { requested, assigned = [] } = balancer ?? {};
  for (const address of [requested ?? '', ...assigned].filter((each) => ipaddr.isValid(each))) {
    const pool = pools.find((each) => gives(each, address)) ?? pools.find((each) => holds(each, address));
    if (pool !== undefined) return pool;
  }
  return undefined;
}

/** By its name alone, or in the dictionary of Contrail's own spelling, whose `name` is the pool's. */
function namesPool(text: string, name: string): boolean {
  if (text.trim() === name) return true;
  const value = literalValue(text);
  return typeof value === 'object' && value !== null && 'name' in value && value.name === name;
}

/** The families of a Service's addresses that a pool has some of. Throws a `TerminalError` where it is none, or not that of the address asked for. */
function commonFamilies(
  service: WorkerService,
  pool: Pick<SlimFloatingIpPool, 'name' | 'subnets'>,
): ReadonlySet<Family> {
  const requested = service.balancer?.requested;
  if (requested !== undefined && !service.clusterIPs.map(familyOf).includes(familyOf(requested)))
    throw new TerminalError(
      'AddressRefused',
      `spec.loadBalancerIP: ${requested} is of a family that the Service has no address of: set spec.ipFamilyPolicy to PreferDualStack, or choose another`,
    );
  const common = familiesIn(pool, service);
  if (common.length > 0) return new Set(common);
  throw new TerminalError(
    'NoPool',
    `pool ${pool.name} (${cidrsOf(pool)}) has no addresses of the Service's family: name another by ${ANNOTATION.fipPool}, or set spec.ipFamilies`,
  );
}

/** The families of a Service's own addresses that a pool has some of. */
function familiesIn(pool: Pick<SlimFloatingIpPool, 'subnets'>, { clusterIPs }: WorkerService): readonly Family[] {
  return clusterIPs.map(familyOf).filter((family) => servesFamily(pool, family));
}

/** Throws a `TerminalError` for a family that a field asks a pool for, and the pool has not. */
export function requireFamily(
  pool: Pick<SlimFloatingIpPool, 'name' | 'subnets'>,
  field: string,
  family: 'IPv4' | 'IPv6',
): Family {
  if (servesFamily(pool, FAMILIES[family])) return FAMILIES[family];
  throw new TerminalError(
    'AddressRefused',
    `${field}: pool ${pool.name} (${cidrsOf(pool)}) has no addresses of ${family}: choose another family, or another pool`,
  );
}

function cidrsOf({ subnets }: Pick<SlimFloatingIpPool, 'subnets'>): string {
  return subnets.map(({ cidr }) => cidr).join(', ');
}

/** As the config database calls what resources name. */
const FAMILIES = { IPv4: 'v4', IPv6: 'v6' } as const;

/** The family of an address for which none is said: that of one that was given already stays. */
export function firstFamily(pool: Pick<SlimFloatingIpPool, 'subnets'>, given: string | undefined): Family {
  if (given !== undefined && holds(pool, given)) return familyOf(given);
  return servesFamily(pool, 'v4') ? 'v4' : 'v6';
}

function servesFamily({ subnets }: Pick<SlimFloatingIpPool, 'subnets'>, family: Family): boolean {
  return subnets.some(({ cidr }) => familyOf(cidr) === family);
}

/** Throws a `TerminalError` for an address that a field asks a pool for, and the pool has not. */
export function requireIn(pool: Pick<SlimFloatingIpPool, 'name' | 'subnets'>, field: string, address: string): void {
  if (holds(pool, address)) return;
  throw new TerminalError(
    'AddressRefused',
    `${field}: ${address} is not in pool ${pool.name} (${cidrsOf(pool)}): choose one of its addresses, or none`,
  );
}

/** Whether an address lies in one of a pool's subnets. */
export function holds({ subnets }: Pick<SlimFloatingIpPool, 'subnets'>, address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  return subnets.some(({ cidr }) => {
    const subnet = ipaddr.parseCIDR(cidr);
    return subnet[0].kind() === parsed.kind() && parsed.match(subnet);
  });
}
