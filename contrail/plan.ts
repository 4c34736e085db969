/**
 * What to do so that Contrail holds what is desired. Pure; `plan(d, d)` is empty, and so is a plan after its own application.
 *
 * Order: references that hold back a deletion are dropped first, then deletions (dependants before what they depend on),
 * then creations (the other way round), then the remaining changes, then the creation of what may not be to be had.
 */
import { changedFields, referencesOf } from './difference.ts';
import type { ContrailObject } from './objects.ts';
import { isReference, REFERENCE } from './reference.ts';

export type Operation =
  | { readonly op: 'create'; readonly object: ContrailObject }
  /** `object` is the one observed; `fields` are written whole. */
  | { readonly op: 'update'; readonly object: ContrailObject; readonly fields: Readonly<Record<string, unknown>> }
  | { readonly op: 'delete'; readonly object: ContrailObject };

/** Types in the order in which they can be created: each refers only to earlier ones. Unknown types come before references. */
const CREATION_ORDER = [
  'project',
  'network-ipam',
  'network-policy',
  'security-group',
  'tag',
  'address-group',
  'service-group',
  'firewall-rule',
  'firewall-policy',
  'virtual-network',
  'floating-ip-pool',
  'service-template',
  'service-instance',
  'port-tuple',
  'virtual-router',
  'virtual-machine',
  'virtual-machine-interface',
  'instance-ip',
  'logical-router',
  'loadbalancer',
  'loadbalancer-listener',
  'loadbalancer-healthmonitor',
  'loadbalancer-pool',
  'loadbalancer-member',
  'floating-ip',
];

/** Fields that the server, or a running pod, does not let change: an object that differs in one is made anew. */
const IMMUTABLE: Readonly<Record<string, readonly string[]>> = {
  'virtual-machine-interface': ['virtual_network_refs', 'virtual_machine_refs'],
  'floating-ip': ['floating_ip_address'],
  // An address goes from interface to interface, as a sticky one does, without being given back in between.
  'instance-ip': ['instance_ip_address', 'virtual_network_refs'],
};

/**
 * Types whose UUID is a Kubernetes UID: another UUID under the same name is a predecessor, which must go. Objects of other
 * types that were made with a UUID not of our choosing are kept as they are.
 */
const UUID_IS_UID = new Set(['virtual-machine', 'loadbalancer']);

/** Types of which a pool may have none to give, which must hold up nothing else; nothing refers to them. */
const LAST: ReadonlySet<string> = new Set(['floating-ip']);

/** The operations, in order, that turn `observed` into `desired`. Both hold only objects of ours. */
export function plan(desired: readonly ContrailObject[], observed: readonly ContrailObject[]): readonly Operation[] {
  const wanted = new Map(desired.map((object) => [identityOf(object), object]));
  const doomed = doomedObjects(wanted, observed);
  const kept = new Map(observed.filter((object) => !doomed.has(object)).map((object) => [identityOf(object), object]));
  const created = inCreationOrder(desired.filter((object) => !kept.has(identityOf(object))));
  const changes = [...kept].flatMap(([identity, object]) => {
    const want = wanted.get(identity);
    const fields = want === undefined ? {} : changedFields(want, object);
    return Object.keys(fields).length === 0 ? [] : [{ op: 'update' as const, object, fields }];
  });
  const createdIdentities = new Set(created.map(identityOf));
  const creations = created.map((object) => ({ op: 'create' as const, object }));
  const early = changes.flatMap((change) => withoutReferencesTo(change, createdIdentities, doomed));
  const settled = new Set(early.filter(({ whole }) => whole).map(({ operation }) => operation.object));
  return [
    ...early.map(({ operation }) => operation),
    ...inCreationOrder([...doomed])
      .reverse()
      .map((object) => ({ op: 'delete' as const, object })),
    ...creations.filter(({ object }) => !LAST.has(object.type)),
    ...inCreationOrder(changes, ({ object }) => object).filter(({ object }) => !settled.has(object)),
    ...creations.filter(({ object }) => LAST.has(object.type)),
  ];
}

/** What an object is to a plan: one of its type under its name. */
export function identityOf(object: Pick<ContrailObject, 'type' | 'fq_name'>): string {
  return `${object.type} ${object.fq_name.join(':')}`;
}

/** Observed objects to delete: those not wanted, those to be made anew, and all that hang on these. */
function doomedObjects(
  wanted: ReadonlyMap<string, ContrailObject>,
  observed: readonly ContrailObject[],
): ReadonlySet<ContrailObject> {
  const doomed = new Set<ContrailObject>();
  const replaced = new Set<string>();
  for (const object of observed) {
    const want = wanted.get(identityOf(object));
    if (want !== undefined && !mustBeReplaced(want, object)) continue;
    doomed.add(object);
    if (want !== undefined) replaced.add(identityOf(object));
  }
  for (let before = -1; before !== doomed.size; ) {
    before = doomed.size;
    for (const object of observed) {
      if (doomed.has(object) || !dependsOn(object, replaced) || movesOn(object, wanted, replaced)) continue;
      doomed.add(object);
      replaced.add(identityOf(object));
    }
  }
  return doomed;
}

/** An address that is to hang on something else by then survives what it hangs on. */
function movesOn(
  object: ContrailObject,
  wanted: ReadonlyMap<string, ContrailObject>,
  replaced: ReadonlySet<string>,
): boolean {
  const want = object.type === 'instance-ip' ? wanted.get(identityOf(object)) : undefined;
  return want !== undefined && !dependsOn(want, replaced);
}

function dependsOn(object: ContrailObject, identities: ReadonlySet<string>): boolean {
  return dependenciesOf(object).some((identity) => identities.has(identity));
}

function mustBeReplaced(desired: ContrailObject, observed: ContrailObject): boolean {
  if (UUID_IS_UID.has(desired.type) && desired.uuid !== observed.uuid) return true;
  if (isReference(desired) && desired.uuid !== observed.uuid) return true;
  const changed = changedFields(desired, observed);
  return (IMMUTABLE[desired.type] ?? []).some((field) => field in changed);
}

/** The identities that must exist for this object to exist: its parent and what it refers to. */
export function dependenciesOf(object: ContrailObject): readonly string[] {
  if (isReference(object)) return [identityOf(object.from), identityOf(object.to)];
  const parent =
    object.parent_type === undefined
      ? []
      : [identityOf({ type: object.parent_type, fq_name: object.fq_name.slice(0, -1) })];
  return [...parent, ...Object.entries(object).flatMap(([field, value]) => targetsOf(field, value))];
}

function targetsOf(field: string, value: unknown): readonly string[] {
  if (!field.endsWith('_refs') || field.endsWith('_back_refs')) return [];
  const type = field.slice(0, -'_refs'.length).replaceAll('_', '-');
  return referencesOf(value).map(({ to }) => identityOf({ type, fq_name: to }));
}

interface EarlyChange {
  readonly operation: Extract<Operation, { op: 'update' }>;
  /** Whether nothing of the change is left for later. */
  readonly whole: boolean;
}

/** The part of a change that must come before the deletions: dropping references to what is about to be deleted. */
function withoutReferencesTo(
  change: Extract<Operation, { op: 'update' }>,
  created: ReadonlySet<string>,
  doomed: ReadonlySet<ContrailObject>,
): readonly EarlyChange[] {
  const gone = new Set([...doomed].map(identityOf));
  if (!dependenciesOf(change.object).some((identity) => gone.has(identity))) return [];
  const fields = Object.fromEntries(
    Object.entries(change.fields).flatMap(([field, value]) => {
      const targets = targetsOf(field, value);
      if (!field.endsWith('_refs')) return [];
      return [[field, referencesOf(value).filter((_, index) => !created.has(targets[index] ?? ''))]];
    }),
  );
  const whole = Object.entries(change.fields).every(
    ([field, value]) => field in fields && referencesOf(fields[field]).length === referencesOf(value).length,
  );
  return [{ operation: { ...change, fields }, whole }];
}

function inCreationOrder<T>(
  items: readonly T[],
  objectOf: (item: T) => ContrailObject = (item) => item as ContrailObject,
): T[] {
  return [...items].sort((a, b) => rankOf(objectOf(a)) - rankOf(objectOf(b)));
}

function rankOf({ type }: ContrailObject): number {
  if (type === REFERENCE) return CREATION_ORDER.length + 1;
  const rank = CREATION_ORDER.indexOf(type);
  return rank < 0 ? CREATION_ORDER.length : rank;
}
