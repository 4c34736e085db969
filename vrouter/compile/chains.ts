/**
 * Service chains (facts 7.6): a rule with `apply_service` joins two networks by services, and everything between them passes these.
 * The rule's source is the left side, unless the first service says otherwise; where several rules speak of two networks, the
 * first decides by which services they are joined. Pure.
 */
import { annotationOf, WHEN_EMPTY } from '../../contrail/objects.ts';
import type { ServiceInstance as ServiceObject, VirtualMachineInterface } from '../../contrail/objects.ts';
import type { ChainedService, ServiceChain, ServiceEnd, ServiceInstance } from '../model/chains.ts';
import type { Network, Passage } from '../model/networks.ts';
import { isChained, servicesOf } from './access-lists.ts';
import { addressesOf, placement } from './endpoints.ts';
import type { ConfigIndex } from './index-config.ts';
import { compilePassagesBy, type NamedPair, pairsBy } from './passages.ts';

interface ChainContext {
  readonly networks: readonly Network[];
  readonly node: string;
  /** Names of nodes that are silent: whatever runs there is sent nothing. */
  readonly dead: ReadonlySet<string>;
}

interface Chains {
  readonly chains: readonly ServiceChain[];
  /** Passages of networks whose services are all away, and may be bypassed. */
  readonly bypassed: readonly Passage[];
}

/** All chains, in the order of their networks. */
export function compileChains(config: ConfigIndex, context: ChainContext): Chains {
  const named = config.all('network-policy').flatMap(pairsBy(config, context.networks, isChained));
  const joined = joinedPairs(config, named);
  if (joined.length === 0) return { chains: [], bypassed: [] };
  const passages = compilePassagesBy(config, context.networks, isChained, named);
  const passageOf = new Map(passages.map((passage) => [`${passage.from} ${passage.to}`, passage]));
  const serviceOf = services(config, context);
  const all = joined.map(({ left, right, names }) => ({
    left: left.id,
    right: right.id,
    services: blockedWhereMisplaced(names.map((name) => serviceOf(name, { left, right }))).filter(
      ({ instances, isBypassed }) => instances.length > 0 || !isBypassed,
    ),
    passages: [`${left.id} ${right.id}`, `${right.id} ${left.id}`]
      .flatMap((ends) => passageOf.get(ends) ?? [])
      .sort((a, b) => a.from - b.from),
  }));
  return {
    chains: all
      .filter((chain) => chain.services.length > 0)
      .map((chain) => ({
        ...chain,
        services: chain.services.map(({ name, mode, instances }) => ({ name, mode, instances })),
      })),
    bypassed: all.filter((chain) => chain.services.length === 0).flatMap((chain) => chain.passages),
  };
}

interface Joined {
  readonly left: Network;
  readonly right: Network;
  /** Names of services, from left to right. */
  readonly names: readonly string[];
}

function joinedPairs(config: ConfigIndex, named: readonly NamedPair[]): readonly Joined[] {
  const found = new Map<string, Joined>();
  for (const { from, to, rule } of named) {
    const key = [from.id, to.id].sort((a, b) => a - b).join(' ');
    if (from.id === to.id || found.has(key)) continue;
    const names = servicesOf(rule);
    const isReversed =
      serviceNamed(config, names[0] ?? '')?.service_instance_properties?.left_virtual_network === to.name;
    found.set(
      key,
      isReversed ? { left: to, right: from, names: names.toReversed() } : { left: from, right: to, names },
    );
  }
  return [...found.values()].sort((a, b) => a.left.id - b.left.id || a.right.id - b.right.id);
}

function serviceNamed(config: ConfigIndex, name: string): ServiceObject | undefined {
  return config.follow({ to: name.split(':') }, 'service-instance')[0];
}

/** A service, and whether traffic goes on without it where it has no instance. */
interface Resolved extends ChainedService {
  readonly isBypassed: boolean;
}

/** Answers come back to an address that the translating service has on its right: what stands behind it is not asked about them. */
function blockedWhereMisplaced(resolved: readonly Resolved[]): readonly Resolved[] {
  return resolved.map((service, index) => {
    const isMisplaced = service.mode === 'in-network-nat' && index < resolved.length - 1;
    return isMisplaced ? { ...service, instances: [], isBypassed: false } : service;
  });
}

type Sides = Pick<Joined, 'left' | 'right'>;

function services(config: ConfigIndex, context: ChainContext): (name: string, sides: Sides) => Resolved {
  const endOf = ends(config, context);
  const tuples = tuplesByService(config);
  return (name, { left, right }) => {
    const service = serviceNamed(config, name);
    if (service === undefined) return { name, mode: 'in-network', instances: [], isBypassed: false };
    const template = config.targets(service, 'service-template')[0]?.service_template_properties;
    const mode = template?.service_mode ?? 'transparent';
    const instances = (tuples.get(service.uuid) ?? []).flatMap(({ uuid }): readonly ServiceInstance[] => {
      const near = endOf(interfaceOf(config, uuid, 'left'), left);
      const far = endOf(interfaceOf(config, uuid, 'right'), right);
      return near === undefined || far === undefined ? [] : [{ uuid, left: near, right: far }];
    });
    return { name, mode, instances, isBypassed: annotationOf(service, WHEN_EMPTY) === 'bypass' };
  };
}

/** Where an interface is, if it is in the network that it has to be in, on a node that lives. */
function ends(config: ConfigIndex, { node, dead }: ChainContext) {
  const routers = placement(config);
  return (vmi: VirtualMachineInterface | undefined, network: Network): ServiceEnd | undefined => {
    if (vmi === undefined) return undefined;
    const router = routers.get(config.uuids(vmi, 'virtual-machine')[0] ?? '');
    const isInPlace = config.uuids(vmi, 'virtual-network')[0] === network.uuid;
    if (router === undefined || !isInPlace) return undefined;
    const end = { vmi: vmi.uuid, addresses: addressesOf(config, vmi.uuid) };
    const [name, address] = [router.fq_name.at(-1) ?? '', router.virtual_router_ip_address];
    if (name === node) return end;
    return address === undefined || dead.has(name) ? undefined : { ...end, node: address };
  };
}

function tuplesByService(config: ConfigIndex) {
  return Map.groupBy(
    config.all('port-tuple'),
    ({ parent_uuid: parent, fq_name: fqName }) =>
      parent ?? config.follow({ to: fqName.slice(0, -1) }, 'service-instance')[0]?.uuid,
  );
}

/** The tuple's interface of a side; it has one of each. */
function interfaceOf(config: ConfigIndex, tuple: string, side: 'left' | 'right'): VirtualMachineInterface | undefined {
  const found = config
    .referrers(tuple, 'virtual-machine-interface')
    .filter((vmi) => vmi.virtual_machine_interface_properties?.service_interface_type === side);
  return found.length === 1 ? found[0] : undefined;
}
