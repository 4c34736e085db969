/** Runs a transaction until nobody else changes what it reads, and tells what the script drew. */
import { setTimeout as sleep } from 'node:timers/promises';
import { CLOSED } from '../../client.ts';
import { HttpError } from '../errors.ts';
import type { CommitResult } from './plan.ts';
import { Transaction, type TransactionDeps } from './transaction.ts';

/** What the script drew for a transaction that was committed. */
export interface Committed<T> {
  readonly value: T;
  readonly revision: number;
  readonly addresses: readonly string[];
}

/** Besides what a transaction needs. */
export interface TransactDeps extends TransactionDeps {
  /** Lays the start objects where the database is new or lost. */
  readonly ensureDatabase: () => Promise<void>;
}

/** A conflict needs another writer's success, so a loser's turn comes; this bounds a defect, not a contention. */
const MAX_ATTEMPTS = 60;

/** Runs `body` and commits its plan; repeats it from the start for as long as others change what it has read. */
export async function transact<T>(deps: TransactDeps, body: (tx: Transaction) => Promise<T>): Promise<Committed<T>> {
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
  if (result.outcome === 'rebuilding') return new HttpError(503, `Api server is Initializing:${CLOSED}`);
  return 'allocation' in result
    ? tx.allocationFailure(result.allocation, result.outcome)
    : tx.numberFailure(result.number);
}
