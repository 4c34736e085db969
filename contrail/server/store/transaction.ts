/** One attempt at a write: reads what it needs, collects steps into a plan, and is run again when what it read has changed. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FqName } from '../../objects.ts';
import type { ResourceSchema, Schema } from '../../schema.ts';
import { HttpError } from '../errors.ts';
import { identityFields, propertyFields, type StoredObject, type StoredRef } from './objects.ts';
import type {
  AllocationStep,
  CommitResult,
  CreateStep,
  NumberField,
  NumberStep,
  Plan,
  RefAddition,
  RefRemoval,
  ReleaseStep,
  UpdateStep,
} from './plan.ts';
import type { Store } from './store.ts';

/** A new object with everything decided but what the script draws. */
export interface NewStoredObject {
  readonly uuid: string;
  readonly type: string;
  readonly fqName: FqName;
  readonly parentType?: string;
  readonly parentUuid?: string;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly refs: Readonly<Record<string, readonly StoredRef[]>>;
}

/** Changes of one object. A property given as `undefined` is removed; reference lists replace the old ones. */
export interface ObjectChange {
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly refs?: Readonly<Record<string, readonly StoredRef[]>>;
}

/** What an allocation that cannot be granted is answered with. */
export interface AllocationFailure {
  readonly taken: HttpError;
  readonly exhausted: HttpError;
}

export interface TransactionDeps {
  readonly store: Store;
  readonly schema: Schema;
  /** The time of the change: UTC, microseconds, no zone. */
  readonly now: () => string;
  /** Lays the start objects where the database is new or lost. */
  readonly ensureDatabase: () => Promise<void>;
}

/** What the script drew for a transaction that was committed. */
export interface Committed<T> {
  readonly value: T;
  readonly revision: number;
  readonly addresses: readonly string[];
}

/** A conflict needs another writer's success, so a loser's turn comes; this bounds a defect, not a contention. */
const MAX_ATTEMPTS = 60;

/** Runs `body` and commits its plan; repeats it from the start for as long as others change what it has read. */
export async function transact<T>(deps: TransactionDeps, body: (tx: Transaction) => Promise<T>): Promise<Committed<T>> {
  let last = '';
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const tx = new Transaction(deps);
    const value = await body(tx);
    if (tx.isEmpty) return { value, revision: 0, addresses: [] };
    const result = await deps.store.commit(tx.plan());
    if (result.outcome === 'done') return { value, revision: result.revision, addresses: result.addresses ?? [] };
    if (result.outcome === 'noepoch') {
      await deps.ensureDatabase();
      continue;
    }
    if (result.outcome !== 'conflict') throw refusal(tx, result);
    last = result.what;
    if (attempt > 2) await sleep(Math.random() * 5 * attempt);
  }
  throw new HttpError(500, `Too many conflicting changes of ${last}`);
}

type Refusal = Exclude<CommitResult, { readonly outcome: 'done' | 'conflict' | 'noepoch' }>;

function refusal(tx: Transaction, result: Refusal): HttpError {
  if (result.outcome === 'rebuilding') return new HttpError(503, 'Api server is Initializing:DB Resync in progress');
  return 'allocation' in result
    ? tx.allocationFailure(result.allocation, result.outcome)
    : tx.numberFailure(result.number);
}

/** See `transact`. Reads are remembered, so that one attempt sees each object once. */
export class Transaction {
  readonly #deps: TransactionDeps;
  readonly #read = new Map<string, Promise<StoredObject | undefined>>();
  readonly #expect = new Map<string, string>();
  readonly #creates: CreateStep[] = [];
  readonly #updates: UpdateStep[] = [];
  readonly #deletes: Plan['deletes'][number][] = [];
  readonly #allocations: AllocationStep[] = [];
  readonly #failures: AllocationFailure[] = [];
  readonly #numbers: NumberStep[] = [];
  readonly #numberFailures: HttpError[] = [];
  readonly #numberFields: NumberField[] = [];
  readonly #releases: ReleaseStep[] = [];
  readonly #reserves: ReleaseStep[] = [];
  readonly #freeNumbers: Plan['freeNumbers'][number][] = [];
  readonly #drop: string[] = [];

  constructor(deps: TransactionDeps) {
    this.#deps = deps;
  }

  get store(): Store {
    return this.#deps.store;
  }

  get schema(): Schema {
    return this.#deps.schema;
  }

  get isEmpty(): boolean {
    return (
      this.#creates.length +
        this.#updates.length +
        this.#deletes.length +
        this.#allocations.length +
        this.#releases.length ===
      0
    );
  }

  /** The schema of a type that is known to exist. */
  resource(type: string): ResourceSchema {
    const resource = this.#deps.schema.resource(type);
    if (resource === undefined) throw new HttpError(404, `Resource type '${type}' not found`);
    return resource;
  }

  read(uuid: string): Promise<StoredObject | undefined> {
    const known = this.#read.get(uuid) ?? this.#deps.store.read(uuid);
    this.#read.set(uuid, known);
    return known;
  }

  async find(type: string, fqName: FqName): Promise<StoredObject | undefined> {
    const uuid = await this.#deps.store.uuidOf(type, fqName);
    return uuid === undefined ? undefined : this.read(uuid);
  }

  /** The commit fails, and the attempt is repeated, unless this object is still as it was read. */
  expectUnchanged(object: StoredObject): void {
    this.#expect.set(object.uuid, object.rev);
  }

  create(object: NewStoredObject): void {
    const schema = this.resource(object.type);
    const fields: Record<string, string> = identityFields(object);
    for (const [name, value] of Object.entries(object.properties)) {
      if (value !== undefined) Object.assign(fields, propertyFields(schema, name, value));
    }
    this.#creates.push({
      uuid: object.uuid,
      type: object.type,
      fqText: object.fqName.join(':'),
      parent: object.parentUuid ?? '',
      childEntry: JSON.stringify({ type: object.type, to: object.fqName, at: this.#deps.now() }),
      fields,
      refs: Object.entries(object.refs).flatMap(([field, refs]) =>
        refs.map((ref) => addition(schema, object, field, ref)),
      ),
    });
  }

  /** Replaces whole fields of an object as it was read. */
  update(object: StoredObject, change: ObjectChange): void {
    const schema = this.resource(object.type);
    const set: Record<string, string> = {};
    const remove: string[] = [];
    for (const [name, value] of Object.entries(change.properties ?? {})) {
      remove.push(
        ...(object.properties[name] === undefined ? [] : Object.keys(propertyFieldsOf(schema, object, name))),
      );
      if (value !== undefined) Object.assign(set, propertyFields(schema, name, value));
    }
    const refs = Object.entries(change.refs ?? {}).flatMap(([field, wanted]) =>
      replaceRefs(schema, object, field, wanted),
    );
    this.#updates.push({ uuid: object.uuid, type: object.type, set, remove, refs });
  }

  /** Sets and removes raw hash fields: items of collections. */
  updateFields(object: StoredObject, set: Readonly<Record<string, string>>, remove: readonly string[]): void {
    this.#updates.push({ uuid: object.uuid, type: object.type, set, remove, refs: [] });
  }

  addRef(object: StoredObject, field: string, ref: StoredRef): void {
    const refs = [addition(this.resource(object.type), object, field, ref)];
    this.#updates.push({ uuid: object.uuid, type: object.type, set: {}, remove: [], refs });
  }

  removeRef(object: StoredObject, field: string, target: string): void {
    const refs = [removal(this.resource(object.type), object, field, target)];
    this.#updates.push({ uuid: object.uuid, type: object.type, set: {}, remove: [], refs });
  }

  /** Deletes an object; `known` are the children and referrers that do not stand in the way. */
  delete(object: StoredObject, known: readonly string[]): void {
    const schema = this.resource(object.type);
    const refs = Object.entries(object.refs).flatMap(([field, list]) =>
      list.map((ref) => removal(schema, object, field, ref.uuid)),
    );
    const parent = object.parentUuid ?? '';
    this.#deletes.push({ uuid: object.uuid, type: object.type, fqText: object.fqName.join(':'), parent, refs, known });
  }

  allocate(step: AllocationStep, failure: AllocationFailure): void {
    this.#allocations.push(step);
    this.#failures.push(failure);
  }

  release(step: ReleaseStep): void {
    this.#releases.push(step);
  }

  reserve(step: ReleaseStep): void {
    this.#reserves.push(step);
  }

  /** Draws a number; the result is its index for `numberField`. */
  number(step: NumberStep, failure: HttpError): number {
    this.#numberFailures.push(failure);
    return this.#numbers.push(step) - 1;
  }

  numberField(field: NumberField): void {
    this.#numberFields.push(field);
  }

  freeNumber(key: string, from: number, value: number): void {
    this.#freeNumbers.push({ key, value: value - from });
  }

  /** Removes keys under the store's prefix. */
  drop(...keys: readonly string[]): void {
    this.#drop.push(...keys);
  }

  allocationFailure(index: number, outcome: 'taken' | 'exhausted'): HttpError {
    return this.#failures[index]?.[outcome] ?? new HttpError(500, `allocation ${outcome}`);
  }

  numberFailure(index: number): HttpError {
    return this.#numberFailures[index] ?? new HttpError(500, 'no free number');
  }

  plan(init?: Plan['init']): Plan {
    return {
      now: this.#deps.now(),
      ...(init === undefined ? {} : { init }),
      expect: [...this.#expect].map(([uuid, rev]) => ({ uuid, rev })),
      creates: this.#creates,
      updates: this.#updates,
      deletes: this.#deletes,
      allocations: this.#allocations,
      releases: this.#releases,
      reserves: this.#reserves,
      numbers: this.#numbers,
      numberFields: this.#numberFields,
      freeNumbers: this.#freeNumbers,
      drop: this.#drop,
    };
  }
}

type Identity = Pick<StoredObject, 'uuid' | 'type' | 'fqName'>;

function targetType(schema: ResourceSchema, field: string): string {
  return schema.refs[field]?.type ?? '';
}

function addition(schema: ResourceSchema, object: Identity, field: string, ref: StoredRef): RefAddition {
  const type = targetType(schema, field);
  return {
    op: 'add',
    field,
    target: ref.uuid,
    value: JSON.stringify({ type, to: ref.to, attr: ref.attr ?? null }),
    back: JSON.stringify({ type: object.type, to: object.fqName, attr: ref.attr ?? null }),
    symmetric: type === object.type,
  };
}

function removal(schema: ResourceSchema, object: Identity, field: string, target: string): RefRemoval {
  return { op: 'remove', field, target, symmetric: targetType(schema, field) === object.type };
}

/** Removals first, then every wanted reference anew: an attribute may have changed. */
function replaceRefs(schema: ResourceSchema, object: StoredObject, field: string, wanted: readonly StoredRef[]) {
  const targets = new Set(wanted.map(({ uuid }) => uuid));
  const lost = (object.refs[field] ?? []).filter(({ uuid }) => !targets.has(uuid));
  return [
    ...lost.map(({ uuid }) => removal(schema, object, field, uuid)),
    ...wanted.map((ref) => addition(schema, object, field, ref)),
  ];
}

/** The hash fields that hold a property now. List items added one by one have positions of their own (facts 6). */
function propertyFieldsOf(schema: ResourceSchema, object: StoredObject, name: string): Record<string, string> {
  if (object.properties[name] === null) return { [`p:${name}`]: '' };
  const positions = object.positions?.[name];
  if (positions !== undefined) return Object.fromEntries(positions.map((position) => [`i:${name}:${position}`, '']));
  return propertyFields(schema, name, object.properties[name]);
}
