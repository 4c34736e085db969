/** What each queue does with a key: the live queue reconciles, the resync queue feeds it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { readStatus } from './status.ts';
import type { Redis } from '../runtime/redis.ts';
import type { Deps } from './deps.ts';
import { isWantedPod } from './desired/pod.ts';
import { namespaceOfNetworkIds, namespacesOf, parseKey } from './keys.ts';
import type { WorkerMetrics } from './metrics.ts';
import { isObject, uidOfOwner } from './owners.ts';
import { keepNetworkIds } from './network-ids.ts';
import { createPatience } from './patience.ts';
import { prune } from './prune.ts';
import type { KeyQueue } from './queue.ts';
import type { Outcome, Run } from './queue-worker.ts';
import { rebuild } from './rebuild.ts';
import type { ReportFailure } from './report.ts';
import { reconcile, runKey } from './run.ts';
import { isKeptByCache } from './sticky.ts';

/** Keys that own nothing: chores. */
export const RESYNC = 'Resync';
export const PRUNE = 'Prune';
const REBUILD = 'Rebuild/';

export function rebuildKey(epoch: string): string {
  return `${REBUILD}${epoch}`;
}

export interface RunnerOptions {
  readonly deps: Deps;
  readonly live: KeyQueue;
  readonly resync: KeyQueue;
  readonly redis: Redis;
  readonly metrics: WorkerMetrics;
  readonly report: ReportFailure;
  readonly concurrency: number;
  readonly pruneGraceMs: number;
  /** Whether the config database was being filled again when last heard of. */
  readonly isRebuilding: () => boolean;
}

const DONE: Outcome = { kind: 'done' };
/** A resync waits while so many live keys do, since a live event must not queue behind it (control-plane 1.12). */
const BUSY = 32;
const BUSY_MS = 500;
const notYet = (missing: string): Outcome => ({ kind: 'notYet', retryAfterMs: BUSY_MS, missing });
/** After so long an Event says what a key waits for. */
const LATE_MS = 15_000;

/** The two runs. Only the live queue reconciles, so that one key has one lock whatever caused its run. */
export function createRunner(options: RunnerOptions): { readonly runLive: Run; readonly runResync: Run } {
  const { deps, live, resync, metrics, report } = options;
  const { log } = deps;
  const during = (signal: AbortSignal): Deps => {
    const stop = AbortSignal.any([deps.signal, signal]);
    return { ...deps, signal: stop, contrail: deps.contrail.withSignal(stop) };
  };

  const patience = createPatience(LATE_MS);
  return {
    runLive: async (text, signal) => {
      if (text.startsWith(REBUILD)) {
        const onReady = (): void => resync.enqueue(deps.view.allKeys());
        const forced = { ...during(signal), force: true };
        return await rebuild(text.slice(REBUILD.length), {
          reconcile,
          deps: forced,
          concurrency: options.concurrency,
          onReady,
        });
      }
      const home = namespaceOfNetworkIds(text);
      if (home !== undefined) return await keepNetworkIds(home, during(signal));
      const key = parseKey(text);
      if (key === undefined) return DONE; // A key of another version of ours.
      // The rebuild does it all; runs that wait for the server's 503 to pass would only hold it up.
      if (options.isRebuilding()) return notYet('the rebuild of the config database');
      return await runKey(key, { deps: during(signal), metrics, report, patience, log });
    },
    runResync: async (text, signal) => {
      if (text === RESYNC) return resyncAll(deps, resync);
      if (text === PRUNE) return await pruneAll(during(signal), options);
      if ((await live.waiting()) > BUSY) {
        // Its place is held meanwhile: else thousands of such keys, after a rebuild, ask Redis by turns without an end.
        await sleep(BUSY_MS);
        return notYet('live keys');
      }
      await deps.digests.forget(text);
      live.enqueue([text]);
      return DONE;
    },
  };
}

function resyncAll(deps: Deps, resync: KeyQueue): Outcome {
  if (!deps.view.isFresh()) return notYet('watches');
  resync.enqueue(deps.view.allKeys());
  return DONE;
}

/** Never on caches that may be behind, never while the database is being filled. */
async function pruneAll(deps: Deps, { redis, live, metrics, pruneGraceMs }: RunnerOptions): Promise<Outcome> {
  if (!deps.view.isFresh() || (await readStatus(deps.contrail)).state === 'rebuilding') {
    return notYet('watches, or the rebuild of the config database');
  }
  const { suspects } = await prune({
    contrail: deps.contrail,
    cluster: deps.settings.cluster,
    redis,
    graceMs: pruneGraceMs,
    now: Date.now(),
    exists: (text) => existsInKubernetes(text, deps),
    enqueue: async (keys) => {
      await deps.uids.doubt(namespacesOf(keys));
      live.enqueue(keys);
    },
    log: deps.log,
  });
  metrics.suspects(suspects);
  return DONE;
}

/** A pod that has run to its end counts as gone, unless its addresses are kept for the next. What is no object of Kubernetes is always there. */
function existsInKubernetes(text: string, { view }: Deps): boolean {
  const key = parseKey(text);
  if (key?.kind === 'Label') return view.carriesTag(key.name);
  if (key === undefined || !isObject(key)) return true;
  if (key.kind !== 'Pod') return uidOfOwner(key, view) !== undefined;
  const pod = view.pods.get(`${key.namespace}/${key.name}`);
  return (pod !== undefined && isWantedPod(pod)) || isKeptByCache(key, view);
}
