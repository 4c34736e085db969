/**
 * Fills a config database that has lost everything, from what Kubernetes holds: intent, and every allocation in result
 * annotations. Nothing else is allocated before this has ended, so a running pod keeps its address and its MAC (design 5.7).
 */
import { messageOf, TerminalError } from '../runtime/errors.ts';
import { ContrailError } from '../contrail/client.ts';
import type { Deps } from './deps.ts';
import { inParallel } from './in-parallel.ts';
import { type Key, parseKey } from './keys.ts';
import type { Outcome } from './queue.ts';
import type { Reconcile } from './reconcile.ts';
import { declareReady, readStatus } from './status.ts';

export interface RebuildDeps {
  readonly reconcile: Reconcile;
  readonly deps: Deps;
  readonly concurrency: number;
  /** Called when the database is ready: everything is looked at once more, in case it changed meanwhile. */
  readonly onReady: () => void;
}

/** Rebuilds the database of `epoch`; nothing to do when another replica has. Safe to run twice, also at once. */
export async function rebuild(epoch: string, { reconcile, deps, concurrency, onReady }: RebuildDeps): Promise<Outcome> {
  const { contrail, view, log } = deps;
  const status = await readStatus(contrail);
  if (status.epoch !== epoch || status.state === 'ready') return { kind: 'done' };
  // An absence in a cache that is behind would become a lost address.
  if (!view.isFresh()) return { kind: 'notYet', retryAfterMs: 250 };
  const started = performance.now();
  const keys = view.allKeys().flatMap((text) => parseKey(text) ?? []);
  for (const kinds of [['Cluster'], ['Namespace', 'Node'], ['NetworkAttachmentDefinition'], ['Pod'], ['Service']]) {
    const stage = keys.filter(
      ({ kind, namespace, name }) => kinds.includes(kind) && hasAllocation({ kind, namespace, name }, deps),
    );
    await inParallel(stage, concurrency, (key) => replay(key, reconcile, deps));
  }
  await declareReady(contrail, epoch);
  log.info({ epoch, keys: keys.length, seconds: Math.round((performance.now() - started) / 100) / 10 }, 'rebuilt');
  onReady();
  return { kind: 'done' };
}

/** A pod that was never given a port has nothing to replay: it gets one when allocation is open. */
function hasAllocation({ kind, namespace, name }: Key, { view }: Deps): boolean {
  return kind !== 'Pod' || view.pods.get(`${namespace}/${name}`)?.annotations['opencontrail.org/ports'] !== undefined;
}

/**
 * One key's failure must not keep the whole cluster closed: what the server refuses, or a user must mend, is left to the key's
 * own runs afterwards. What a retry can mend ends the rebuild, which starts again.
 */
async function replay(key: Key, reconcile: Reconcile, deps: Deps): Promise<void> {
  deps.signal.throwIfAborted();
  try {
    await reconcile(key, deps);
  } catch (error) {
    const isRefusal = error instanceof ContrailError && error.status >= 400 && error.status < 500;
    if (!isRefusal && !(error instanceof TerminalError)) throw error;
    deps.log.warn({ ...key, reason: messageOf(error) }, 'not rebuilt');
  }
}
