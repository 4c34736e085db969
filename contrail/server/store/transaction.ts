/** One attempt at a write: reads what it needs, and collects steps into a plan. */
import type { FqName } from '../../objects.ts';
import type { ResourceSchema, Schema } from '../../schema.ts';
import { HttpError } from '../errors.ts';
import type { StoredObject, StoredRef } from './objects.ts';
import type { AllocationStep, CreateStep, NumberField, NumberStep, Plan, ReleaseStep, UpdateStep } from './plan.ts';
import {
  additionOf,
  createStep,
  deleteStep,
  type NewStoredObject,
  type ObjectChange,
  removalOf,
  updateStep,
} from './steps.ts';
import type { Store } from './store.ts';

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
    this.#creates.push(createStep(this.resource(object.type), object, this.#deps.now()));
  }

  /** Replaces whole fields of an object as it was read. */
  update(object: StoredObject, change: ObjectChange): void {
    this.#updates.push(updateStep(this.resource(object.type), object, change));
  }

  /** Sets and removes raw hash fields: items of collections. */
  updateFields(object: StoredObject, set: Readonly<Record<string, string>>, remove: readonly string[]): void {
    this.#updates.push({ uuid: object.uuid, type: object.type, set, remove, refs: [] });
  }

  addRef(object: StoredObject, field: string, ref: StoredRef): void {
    const refs = [additionOf(this.resource(object.type), object, field, ref)];
    this.#updates.push({ uuid: object.uuid, type: object.type, set: {}, remove: [], refs });
  }

  removeRef(object: StoredObject, field: string, target: string): void {
    const refs = [removalOf(this.resource(object.type), object, field, target)];
    this.#updates.push({ uuid: object.uuid, type: object.type, set: {}, remove: [], refs });
  }

  /** Deletes an object; `known` are the children and referrers that do not stand in the way. */
  delete(object: StoredObject, known: readonly string[]): void {
    this.#deletes.push(deleteStep(this.resource(object.type), object, known));
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
