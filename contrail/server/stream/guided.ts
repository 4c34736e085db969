/**
 * Guided networks: those that nodes may reach whole and in both directions, and that have no services. A guide sees half of a flow and can
 * judge none, and a node translates services itself. What the underlay routes is none of them, nor are addresses that overlap with others.
 */
import { cidrList } from '../../../runtime/cidr.ts';
import type { IpamSubnet, PolicyAddress, PolicyRule } from '../../objects.ts';
import type { StoredObject } from '../store/objects.ts';
import type { CacheChange, CacheView } from './cache.ts';
import { refsOf } from './links.ts';
import { IP_FABRIC, type NetworkPairs, rulesOf } from './pairs.ts';
import { servingOf } from './serving.ts';

/** The guided networks; `balanced` are those that load balancers have their addresses in. */
export function guidedIn(cache: CacheView, pairs: NetworkPairs, balanced: ReadonlySet<string>): ReadonlySet<string> {
  const fabric = cache.get(cache.byName('virtual-network', IP_FABRIC) ?? '');
  if (fabric === undefined) return new Set();
  const isPlain = plainness(cache);
  const others = policiesOf(fabric).filter((policy) => !isPlain(policy));
  const found = [...pairs.of(fabric.uuid)].flatMap((uuid) => cache.get(uuid) ?? []);
  const able = found.filter(
    (network) =>
      isAlone(network) &&
      policiesOf(network).every(isPlain) &&
      !others.some((policy) => speaksOf(cache, policy, network)),
  );
  const served = new Set(balanced);
  // Whose an address is that a service names without its pod, everybody must know who may ask the service.
  const isPods = cidrList(able.flatMap((network) => subnetsOf(cache, network)));
  const members = [...cache.ofType('loadbalancer-member')];
  const named = members.filter((member) => namesNoPort(cache, member) && isPods(targetOf(member)));
  for (const pool of new Set(named.flatMap(({ parentUuid }) => parentUuid ?? [])))
    for (const network of servingOf(cache, pool).networks) for (const peer of pairs.of(network)) served.add(peer);
  return new Set(able.map(({ uuid }) => uuid).filter((uuid) => !served.has(uuid)));
}

/** The networks that load balancers have their addresses in. */
export function servedIn(cache: CacheView): ReadonlySet<string> {
  return new Set([...cache.ofType('loadbalancer')].flatMap((balancer) => networksOf(cache, balancer)));
}

function networksOf(cache: CacheView, balancer: StoredObject | undefined): readonly string[] {
  return refsOf(balancer, 'virtual_machine_interface_refs').flatMap((port) =>
    refsOf(cache.get(port), 'virtual_network_refs'),
  );
}

function policiesOf(network: StoredObject): readonly string[] {
  return refsOf(network, 'network_policy_refs');
}

/** Whether a policy lets everything pass, both ways, and by no services (`vrouter/compile/access-lists.ts`). */
function plainness(cache: CacheView): (policy: string) => boolean {
  const known = new Map<string, boolean>();
  return (policy) => {
    const found = known.get(policy) ?? rulesOf(cache.get(policy)).every(passesEverything);
    known.set(policy, found);
    return found;
  };
}

/** Whether a rule of a policy may mean a network. */
function speaksOf(cache: CacheView, policy: string, network: StoredObject): boolean {
  const [name, attached] = [network.fqName.join(':'), new Set(policiesOf(network))];
  const isMeant = (address: PolicyAddress): boolean =>
    !isWholeNetwork(address) ||
    address.virtual_network === name ||
    attached.has(cache.byName('network-policy', address.network_policy ?? '') ?? '');
  return rulesOf(cache.get(policy)).some((rule) => [...rule.src_addresses, ...rule.dst_addresses].some(isMeant));
}

function passesEverything(rule: PolicyRule): boolean {
  const ports = [...(rule.src_ports ?? []), ...(rule.dst_ports ?? [])];
  return (
    isPass(rule.action_list) &&
    rule.direction === '<>' &&
    rule.protocol === 'any' &&
    ports.every(({ start_port: start, end_port: end }) => start === -1 && end === -1) &&
    [...rule.src_addresses, ...rule.dst_addresses].every(isWholeNetwork)
  );
}

function isPass(actions: PolicyRule['action_list']): boolean {
  return (actions?.simple_action ?? 'pass') === 'pass' && (actions?.apply_service ?? []).length === 0;
}

function isWholeNetwork({ virtual_network: name, subnet, subnet_list: list }: PolicyAddress): boolean {
  return name !== 'any' && name !== 'local' && !subnet && (list ?? []).length === 0;
}

/** Its addresses are nobody else's, and no underlay routes them. */
function isAlone(network: StoredObject): boolean {
  // A string by the schema.
  const mode = network.properties['address_allocation_mode'] as string | undefined;
  return mode?.startsWith('flat-subnet') === true && refsOf(network, 'virtual_network_refs').length === 0;
}

function subnetsOf(cache: CacheView, network: StoredObject): readonly string[] {
  return refsOf(network, 'network_ipam_refs').flatMap((ipam) => {
    // An IpamSubnets by the schema.
    const found = cache.get(ipam)?.properties['ipam_subnets'] as { subnets?: readonly IpamSubnet[] } | undefined;
    return (found?.subnets ?? []).map(({ subnet }) => `${subnet.ip_prefix}/${subnet.ip_prefix_len}`);
  });
}

function namesNoPort(cache: CacheView, member: StoredObject): boolean {
  return !cache.links(member).some((uuid) => cache.get(uuid)?.type === 'virtual-machine-interface');
}

function targetOf(member: StoredObject): string {
  // A LoadbalancerMemberType by the schema.
  const target = member.properties['loadbalancer_member_properties'] as { address?: string } | undefined;
  return target?.address ?? '';
}

/**
 * Whether a change may have made a network a guided one, or none; pairs of networks change besides. One load balancer more changes
 * nothing in a network that is `served`.
 */
export function touchesNetworks(cache: CacheView, change: CacheChange, served: ReadonlySet<string>): boolean {
  const { before, after } = change;
  const object = after ?? before;
  if (object === undefined) return false;
  switch (object.type) {
    case 'loadbalancer':
      if (before === undefined && networksOf(cache, after).every((network) => served.has(network))) return false;
      return moves(change, 'virtual_machine_interface_refs');
    case 'loadbalancer-member':
      return namesNoPort(cache, object);
    case 'virtual-network':
      return moves(change, 'virtual_network_refs');
    case 'network-ipam':
      return true;
    default:
      return false;
  }
}

function moves({ before, after }: CacheChange, field: string): boolean {
  return refsOf(before, field).join() !== refsOf(after, field).join();
}
