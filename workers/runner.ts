/** What each queue does with a key: the live queue reconciles, the resync queue feeds it. */
import { readStatus } from './status.ts';
import type { Redis } from '../runtime/redis.ts';
import type { Deps } from './deps.ts';
import { isWantedPod } from './desired/pod.ts';
import { parseKey } from './keys.ts';
import type { WorkerMetrics } from './metrics.ts';
import { isObject, uidOfOwner } from './owners.ts';
import { createPatience } from './patience.ts';
import { prune } from './prune.ts';
import type { KeyQueue, Outcome, Run } from './queue.ts';
import { rebuild } from './rebuild.ts';
import type { ReportFailure } from './report.ts';
import { reconcile, runKey } from './run.ts';

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
      const key = parseKey(text);
      if (key === undefined) return DONE; // A key of another version of ours.
      // The rebuild does it all; runs that wait for the server's 503 to pass would only hold it up.
      if (options.isRebuilding()) return { kind: 'notYet', retryAfterMs: BUSY_MS };
      return await runKey(key, { deps: during(signal), metrics, report, patience, log });
    },
    runResync: async (text, signal) => {
      if (text === RESYNC) return resyncAll(deps, resync);
      if (text === PRUNE) return await pruneAll(during(signal), options);
      if ((await live.state()).waiting > BUSY) return { kind: 'notYet', retryAfterMs: BUSY_MS };
      await deps.digests.forget(text);
      live.enqueue([text]);
      return DONE;
    },
  };
}

function resyncAll(deps: Deps, resync: KeyQueue): Outcome {
  if (!deps.view.isFresh()) return { kind: 'notYet', retryAfterMs: BUSY_MS };
  resync.enqueue(deps.view.allKeys());
  return DONE;
}

/** Never on caches that may be behind, never while the database is being filled. */
async function pruneAll(deps: Deps, { redis, live, metrics, pruneGraceMs }: RunnerOptions): Promise<Outcome> {
  if (!deps.view.isFresh() || (await readStatus(deps.contrail)).state === 'rebuilding') {
    return { kind: 'notYet', retryAfterMs: BUSY_MS };
  }
  const { suspects } = await prune({
    contrail: deps.contrail,
    cluster: deps.settings.cluster,
    redis,
    graceMs: pruneGraceMs,
    now: Date.now(),
    exists: (text) => existsInKubernetes(text, deps),
    enqueue: live.enqueue,
    log: deps.log,
  });
  metrics.suspects(suspects);
  return DONE;
}

/** A pod that has run to its end counts as gone. What is no object of Kubernetes is always there. */
function existsInKubernetes(text: string, { view }: Deps): boolean {
  const key = parseKey(text);
  if (key === undefined || !isObject(key)) return true;
  if (key.kind !== 'Pod') return uidOfOwner(key, view) !== undefined;
  const pod = view.pods.get(`${key.namespace}/${key.name}`);
  return pod !== undefined && isWantedPod(pod);
}
