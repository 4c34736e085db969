/** Whether an observed value already says what a desired one wants; servers add fields of their own, which do not count. Pure. */
import { annotationOf, type ContrailObject, type KeyValuePairs, type Reference } from './objects.ts';

/** Fields that say who an object is; they are never changed. */
const IDENTITY = new Set(['type', 'uuid', 'fq_name', 'parent_type', 'parent_uuid']);

/** A network's policies: operators, and our own keys for connections, attach theirs beside those that a network is made with. */
const POLICIES = 'network_policy_refs';
const TAGS = 'tag_refs';

/** The annotation that names the tags which we have given an object, by commas: operators give others beside these. */
export const MANAGED_TAGS = 'tags';

/** The desired fields that differ from the observed ones, with the values to write. Empty when nothing differs. */
export function changedFields(desired: ContrailObject, observed: ContrailObject): Readonly<Record<string, unknown>> {
  const changed = Object.entries({ ...desired, ...tagsBeside(desired, observed) }).filter(
    ([field, value]) => !IDENTITY.has(field) && !fieldCovered(field, value, observed[field]),
  );
  return Object.fromEntries(
    changed.map(([field, value]) =>
      field === 'annotations'
        ? [field, mergedAnnotations(value, observed[field])]
        : [field, field === POLICIES ? mergedPolicies(value, observed[field]) : value],
    ),
  );
}

/** The tags that we give an object, and those that others have. */
function tagsBeside(desired: ContrailObject, observed: ContrailObject): Readonly<Record<string, unknown>> {
  if (desired[TAGS] === undefined) return {};
  const wanted = referencesOf(desired[TAGS]);
  const ours = new Set([
    ...wanted.map(({ to }) => to.join(':')),
    ...(annotationOf(observed, MANAGED_TAGS) ?? '').split(','),
  ]);
  return { [TAGS]: [...wanted, ...referencesOf(observed[TAGS]).filter(({ to }) => !ours.has(to.join(':')))] };
}

function fieldCovered(field: string, desired: unknown, observed: unknown): boolean {
  if (field === 'annotations')
    return pairsOf(desired).every(([key, value]) => new Map(pairsOf(observed)).get(key) === value);
  if (field.endsWith('_refs')) return referencesCovered(field, desired, observed);
  return covers(observed, desired);
}

/** Whether `observed` holds all that `desired` names. `null`, an empty list and absence are one (config-api facts 2). */
function covers(observed: unknown, desired: unknown): boolean {
  if (isEmpty(desired)) return isEmpty(observed);
  if (Array.isArray(desired)) {
    return (
      Array.isArray(observed) &&
      observed.length === desired.length &&
      desired.every((item, index) => covers(observed[index], item))
    );
  }
  if (!isRecord(desired)) return Object.is(desired, observed);
  return isRecord(observed) && Object.entries(desired).every(([key, value]) => covers(observed[key], value));
}

/** References are a set by name. An attribute without content is not compared: the server completes it (subnets). */
function referencesCovered(field: string, desired: unknown, observed: unknown): boolean {
  const wanted = referencesOf(desired);
  const present = new Map(referencesOf(observed).map((reference) => [reference.to.join(':'), reference]));
  if (field !== POLICIES && wanted.length !== present.size) return false;
  return wanted.every(({ to, attr }) => {
    const found = present.get(to.join(':'));
    return found !== undefined && (isHollow(attr) || covers(found.attr, attr));
  });
}

function mergedPolicies(desired: unknown, observed: unknown): readonly Reference[] {
  const wanted = referencesOf(desired);
  const names = new Set(wanted.map(({ to }) => to.join(':')));
  return [...wanted, ...referencesOf(observed).filter(({ to }) => !names.has(to.join(':')))];
}

/** The references that a field holds; empty where it is absent. */
export function referencesOf(value: unknown): readonly Reference[] {
  // Fields named `…_refs` hold references on every type of the schema.
  return Array.isArray(value) ? (value as readonly Reference[]) : [];
}

/** Annotations of others on our objects are kept: the written value replaces the whole map. */
function mergedAnnotations(desired: unknown, observed: unknown): KeyValuePairs {
  const merged = new Map([...pairsOf(observed), ...pairsOf(desired)]);
  return { key_value_pair: [...merged].map(([key, value]) => ({ key, value })) };
}

function pairsOf(value: unknown): readonly (readonly [string, string])[] {
  // `annotations` is a map property on every type of the schema.
  const pairs = (value as KeyValuePairs | null | undefined)?.key_value_pair ?? [];
  return pairs.map(({ key, value: text }) => [key, text] as const);
}

function isHollow(attr: unknown): boolean {
  return isEmpty(attr) || (isRecord(attr) && Object.values(attr).every(isEmpty));
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
