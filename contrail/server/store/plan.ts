/** What one write does, as plain data: the Lua script applies all of it or nothing. */
import type { FqName } from '../../objects.ts';

/** The value of a reference as stored on both sides. */
export interface StoredLink {
  readonly type: string;
  readonly to: FqName;
  readonly attr: unknown;
}

/** One reference to add. `symmetric` links (both ends of one type) stand on both objects and have no back reference. */
export interface RefAddition {
  readonly op: 'add';
  readonly field: string;
  readonly target: string;
  /** `StoredLink` as JSON, as the referrer holds it. */
  readonly value: string;
  /** `StoredLink` as JSON, as the target holds it. */
  readonly back: string;
  readonly symmetric: boolean;
}

export interface RefRemoval {
  readonly op: 'remove';
  readonly field: string;
  readonly target: string;
  readonly symmetric: boolean;
}

export interface CreateStep {
  readonly uuid: string;
  readonly type: string;
  /** Colon form. */
  readonly fqText: string;
  readonly parent: string;
  /** What the parent's list of children says about it, JSON. */
  readonly childEntry: string;
  /** Hash fields of the object; values are JSON or plain text as `objects.ts` reads them. */
  readonly fields: Readonly<Record<string, string>>;
  readonly refs: readonly RefAddition[];
}

export interface UpdateStep {
  readonly uuid: string;
  readonly type: string;
  readonly set: Readonly<Record<string, string>>;
  readonly remove: readonly string[];
  readonly refs: readonly (RefAddition | RefRemoval)[];
}

interface DeleteStep {
  readonly uuid: string;
  readonly type: string;
  readonly fqText: string;
  readonly parent: string;
  readonly refs: readonly RefRemoval[];
  /** Children and referrers that may be there; any other means that the decision to delete is out of date. */
  readonly known: readonly string[];
}

/** A range of units in allocation order, both ends included. */
export interface UnitRange {
  readonly from: number;
  readonly to: number;
}

/** One subnet that an address may come from. Units are counted in the order in which they are given away. */
export interface Candidate {
  /** Names the subnet's bitmap (or, where `sparse`, its sets). */
  readonly key: string;
  readonly sparse: boolean;
  readonly ranges: readonly UnitRange[];
  /** 4 or 6; `base` is unit 0: a number for IPv4, eight 16-bit words for IPv6. */
  readonly family: 4 | 6;
  readonly base: number | readonly number[];
  /** The same for negative units, by which a sparse subnet's later half is counted. */
  readonly below?: number | readonly number[];
  /** Addresses from one unit to the next: negative where the highest is given first. */
  readonly step: number;
  readonly subnetUuid: string;
}

export interface AllocationStep {
  readonly candidates: readonly Candidate[];
  /** Decimal unit number of a requested address, within the only candidate; absent: the first free one. */
  readonly unit?: string;
  /** Where the result is written: an object of this plan's `creates`, by field. */
  readonly object?: string;
  readonly addressField?: string;
  readonly subnetField?: string;
}

export interface ReleaseStep {
  readonly key: string;
  readonly sparse: boolean;
  readonly unit: string;
}

/** A number from a bitmap: the lowest free one from `from` to `to`, or exactly `value`. */
export interface NumberStep {
  readonly key: string;
  readonly from: number;
  readonly to: number;
  readonly value?: number;
}

/** Writes numbers drawn by this plan into a field: `format` is `string.format`'s, `numbers` are indices of `numbers`. */
export interface NumberField {
  readonly object: string;
  readonly field: string;
  readonly format: string;
  readonly numbers: readonly number[];
}

export interface Plan {
  /** UTC, microseconds, no zone: what `created` and `last_modified` become. */
  readonly now: string;
  /** Lays the start objects of a new database; nothing happens where one exists already. */
  readonly init?: { readonly epoch: string; readonly state: 'rebuilding' | 'ready' };
  /** Objects whose revision must still be this (`''`: must be absent). */
  readonly expect: readonly { readonly uuid: string; readonly rev: string }[];
  readonly creates: readonly CreateStep[];
  readonly updates: readonly UpdateStep[];
  readonly deletes: readonly DeleteStep[];
  readonly allocations: readonly AllocationStep[];
  readonly releases: readonly ReleaseStep[];
  /** Units to mark as used where they are not yet: network, gateway and DNS addresses. */
  readonly reserves: readonly ReleaseStep[];
  readonly numbers: readonly NumberStep[];
  readonly numberFields: readonly NumberField[];
  readonly freeNumbers: readonly { readonly key: string; readonly value: number }[];
  /** Keys under the prefix to remove. */
  readonly drop: readonly string[];
}

export type CommitResult =
  | { readonly outcome: 'done'; readonly revision: number; readonly addresses: readonly string[] }
  /** Something read before the commit has changed since; decide again. */
  | { readonly outcome: 'conflict'; readonly what: string }
  | { readonly outcome: 'noepoch' }
  | { readonly outcome: 'rebuilding' }
  | { readonly outcome: 'taken' | 'exhausted'; readonly allocation: number }
  | { readonly outcome: 'number taken' | 'numbers exhausted'; readonly number: number };
