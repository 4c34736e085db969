/** Config objects by type, by name and by who refers to them: what the compiler reads instead of scanning. Pure. */
import { fqNameText } from '../../contrail/objects.ts';
import type {
  ContrailObject,
  InstanceIp,
  Loadbalancer,
  LoadbalancerListener,
  LoadbalancerMember,
  LoadbalancerPool,
  NetworkIpam,
  NetworkPolicy,
  Reference,
  VirtualMachine,
  VirtualMachineInterface,
  VirtualNetwork,
  VirtualRouter,
} from '../../contrail/objects.ts';

/** The types that forwarding is made of. */
interface ConfigTypes {
  'instance-ip': InstanceIp;
  loadbalancer: Loadbalancer;
  'loadbalancer-listener': LoadbalancerListener;
  'loadbalancer-member': LoadbalancerMember;
  'loadbalancer-pool': LoadbalancerPool;
  'network-ipam': NetworkIpam;
  'network-policy': NetworkPolicy;
  'virtual-machine': VirtualMachine;
  'virtual-machine-interface': VirtualMachineInterface;
  'virtual-network': VirtualNetwork;
  'virtual-router': VirtualRouter;
}
type ConfigType = keyof ConfigTypes;

export interface ConfigIndex {
  /** All objects of a type, in the order of their UUIDs. */
  readonly all: <K extends ConfigType>(type: K) => readonly ConfigTypes[K][];
  readonly get: <K extends ConfigType>(type: K, uuid: string) => ConfigTypes[K] | undefined;
  /** The objects of `type` that `object` refers to. */
  readonly targets: <K extends ConfigType>(object: ContrailObject, type: K) => readonly ConfigTypes[K][];
  /** The UUIDs that `object` refers to, also of objects that were not sent. */
  readonly uuids: (object: ContrailObject, type: ConfigType) => readonly string[];
  /** The objects of `type` that refer to `uuid`. */
  readonly referrers: <K extends ConfigType>(uuid: string, type: K) => readonly ConfigTypes[K][];
  /** The members of a pool. */
  readonly members: (pool: string) => readonly LoadbalancerMember[];
}

/** Indexes a set of config objects; references resolve by UUID, or by name where they carry none. */
export function indexConfig(objects: ReadonlyMap<string, ContrailObject>): ConfigIndex {
  const byType = new Map<string, ContrailObject[]>();
  const byName = new Map<string, ContrailObject>();
  for (const uuid of [...objects.keys()].sort()) {
    const object = objects.get(uuid);
    if (object === undefined) continue;
    append(byType, object.type, object);
    byName.set(nameKey(object.type, fqNameText(object.fq_name)), object);
  }
  const resolve = (type: string, reference: Reference): ContrailObject | undefined =>
    reference.uuid === undefined ? byName.get(nameKey(type, fqNameText(reference.to))) : objects.get(reference.uuid);
  const referrers = referrersOf(byType, resolve);
  const members = membersOf(byType, byName);
  return {
    all: (type) => typed(type, byType.get(type) ?? []),
    get: (type, uuid) => {
      const found = objects.get(uuid);
      return typed(type, found?.type === type ? [found] : [])[0];
    },
    targets: (object, type) =>
      typed(
        type,
        referencesOf(object, type).flatMap((reference) => resolve(type, reference) ?? []),
      ),
    uuids: (object, type) =>
      referencesOf(object, type).flatMap((reference) => reference.uuid ?? resolve(type, reference)?.uuid ?? []),
    referrers: (uuid, type) => typed(type, referrers.get(nameKey(type, uuid)) ?? []),
    members: (pool) => typed('loadbalancer-member', members.get(pool) ?? []),
  };
}

/** An object of a type has that type's fields: the server has checked them against the schema. */
function typed<K extends ConfigType>(_type: K, found: readonly ContrailObject[]): readonly ConfigTypes[K][] {
  return found as readonly ConfigTypes[K][];
}

/** The references of an object to objects of `type`; back references are not among them. */
export function referencesOf(object: ContrailObject, type: string): readonly Reference[] {
  // Reference fields are lists of references by the schema.
  return (object[`${type.replaceAll('-', '_')}_refs`] as readonly Reference[] | undefined) ?? [];
}

const LINKED: readonly (readonly [referrer: ConfigType, target: ConfigType])[] = [
  ['instance-ip', 'virtual-machine-interface'],
  ['virtual-network', 'network-policy'],
  ['loadbalancer-listener', 'loadbalancer'],
  ['loadbalancer-pool', 'loadbalancer-listener'],
];

function referrersOf(
  byType: ReadonlyMap<string, readonly ContrailObject[]>,
  resolve: (type: string, reference: Reference) => ContrailObject | undefined,
): ReadonlyMap<string, readonly ContrailObject[]> {
  const referrers = new Map<string, ContrailObject[]>();
  for (const [type, target] of LINKED) {
    for (const object of byType.get(type) ?? []) {
      const targets = referencesOf(object, target).flatMap((reference) => resolve(target, reference) ?? []);
      for (const found of targets) append(referrers, nameKey(type, found.uuid), object);
    }
  }
  return referrers;
}

function membersOf(
  byType: ReadonlyMap<string, readonly ContrailObject[]>,
  byName: ReadonlyMap<string, ContrailObject>,
): ReadonlyMap<string, readonly ContrailObject[]> {
  const members = new Map<string, ContrailObject[]>();
  for (const member of byType.get('loadbalancer-member') ?? []) {
    const pool = byName.get(nameKey('loadbalancer-pool', fqNameText(member.fq_name.slice(0, -1))));
    const parent = member.parent_uuid ?? pool?.uuid;
    if (parent !== undefined) append(members, parent, member);
  }
  return members;
}

function nameKey(type: string, name: string): string {
  return `${type} ${name}`;
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
