/** An object on its way into the store, as the rules of its type see and change it. */
import type { FqName } from '../../objects.ts';
import type { StoredObject, StoredRef } from '../store/objects.ts';
import type { Transaction } from '../store/transaction.ts';

/** A new object. Rules may change everything in it but its UUID and type. */
export interface Draft {
  readonly uuid: string;
  readonly type: string;
  /** Whether the client chose the UUID. */
  readonly uuidGiven: boolean;
  fqName: FqName;
  parentType?: string;
  parentUuid?: string;
  readonly parent: StoredObject | undefined;
  readonly properties: Record<string, unknown>;
  readonly refs: Record<string, StoredRef[]>;
}

/** What is about to change in an object. `properties` and `refs` hold only what the request names. */
export interface Change {
  readonly object: StoredObject;
  readonly properties: Record<string, unknown>;
  readonly refs: Record<string, StoredRef[]>;
}

/** What stands in no deletion's way, and what goes with it. */
export interface Removal {
  /** Children and referrers that the rules of the type remove in the same transaction. */
  readonly known: readonly string[];
}

/** The rules of one type. All are optional; each may throw an `HttpError`, and may add steps to the transaction. */
export interface TypeRules {
  /** Checks of the body alone, before any look into the store. */
  readonly validate?: (body: Record<string, unknown>) => void;
  readonly beforeCreate?: (draft: Draft, tx: Transaction) => Promise<void> | void;
  readonly beforeUpdate?: (change: Change, tx: Transaction) => Promise<void> | void;
  readonly beforeDelete?: (object: StoredObject, tx: Transaction) => Promise<Removal> | Removal;
  /** Reference fields whose single changes must pass `beforeUpdate` too. */
  readonly guardedRefs?: readonly string[];
}

/** A field as it will be after the change. */
export function after(change: Change, property: string): unknown {
  return property in change.properties ? change.properties[property] : change.object.properties[property];
}

/** References as they will be after the change. */
export function refsAfter(change: Change, field: string): readonly StoredRef[] {
  return change.refs[field] ?? change.object.refs[field] ?? [];
}
