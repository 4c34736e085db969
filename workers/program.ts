/** The workers as a whole: watches that enqueue, queues that run keys, and the watch over both stores. */
import { hostname } from 'node:os';
import { createContrailClient } from '../contrail/client.ts';
import { createCacheMetrics } from '../kubernetes/cache-metrics.ts';
import { createKubeClient } from '../kubernetes/client.ts';
import { messageOf } from '../runtime/errors.ts';
import { type ReadinessCheck, serveHealth } from '../runtime/health.ts';
import type { Lifecycle } from '../runtime/lifecycle.ts';
import type { Logger } from '../runtime/log.ts';
import { createRegistry } from '../runtime/metrics.ts';
import { createRedis } from '../runtime/redis.ts';
import { contrailEndpoints } from '../contrail/endpoints.ts';
import { acceptKeys } from './accept-keys.ts';
import { createDigests } from './digests.ts';
import { createKnownUids } from './known-uids.ts';
import { type Heartbeat, startHeartbeat } from './heartbeat.ts';
import { createWorkerMetrics } from './metrics.ts';
import { createNameCache, type NameCache } from './name-cache.ts';
import { createNetworkFacts, type NetworkFacts } from './network-facts.ts';
import { createQueue, type KeyQueue } from './queue.ts';
import { createReporter } from './report.ts';
import { createRunner, PRUNE, RESYNC, rebuildKey } from './runner.ts';
import { clusterSettings, type WorkerSettings } from './settings.ts';
import { showQueue } from './show-queue.ts';
import { type Turn, turnOf } from './turn.ts';
import { type ClusterView, watchCluster } from './watch.ts';
import { answerWhatIf } from './what-if.ts';

const HEARTBEAT_MS = 1_000;
const METRICS_MS = 5_000;
/** How long the config API's addresses are used before they are asked for again. */
const ADDRESSES_FRESH_MS = 2_000;
/** Resync only feeds the live queue, at a pace that live events do not feel. */
const RESYNC_CONCURRENCY = 2;
/** An upgrade lets workers of both versions run for a while, and the old ones know nothing of new settings. */
const UPGRADED_MS = 30_000;
/** A stop lets running keys finish: only a lost lock aborts one. */
const NEVER = new AbortController().signal;

/** Starts everything; resolves when keys are being taken. */
export async function startWorkers(settings: WorkerSettings, log: Logger, lifecycle: Lifecycle): Promise<void> {
  const { signal } = lifecycle;
  const cluster = clusterSettings(settings);
  const registry = createRegistry();
  const turn = (key: string): Turn => turnOf(key, view);
  const stores = await openStores(settings, { log, turnOf: turn }, lifecycle);
  const { kube, contrail, redis, live, resync } = stores;
  const metrics = createWorkerMetrics(registry, { live, resync }, { intervalMs: METRICS_MS, signal });
  const { cluster: name, names: naming } = cluster;
  const caches = { signal, log, metrics: createCacheMetrics(registry) };
  const view = watchCluster({ client: kube, cluster: name, names: naming, enqueue: live.enqueue, ...caches });
  const facts = { names: createNameCache(contrail), networks: createNetworkFacts(contrail) };
  const heartbeat = watchStores({ stores, view, facts, settings }, log, signal);
  const epoch = (): string | undefined => heartbeat.database()?.epoch;
  const notes = { digests: createDigests(redis, epoch), uids: createKnownUids(redis, epoch) };
  const runner = createRunner({
    deps: {
      kube,
      contrail,
      view,
      settings: cluster,
      ...facts,
      ...notes,
      enqueue: live.enqueue,
      log,
      signal: NEVER,
      force: false,
    },
    live,
    resync,
    redis,
    metrics,
    report: createReporter({ kube, view: () => view, home: cluster.ownNamespace, host: hostname(), log }),
    concurrency: settings.concurrency,
    pruneGraceMs: settings.pruneGrace * 1000,
    isRebuilding: () => heartbeat.database()?.state === 'rebuilding',
  });
  const pages = [acceptKeys({ ...notes, enqueue: live.enqueue, log }), showQueue(stores), answerWhatIf(view, cluster)];
  const health = await serveHealth(settings.listen, {
    checks: readiness(heartbeat, view),
    registry,
    further: (request, response) => pages.some((answers) => answers(request, response)),
  });
  lifecycle.onClose('health', () => void health.close());
  await view.whenSynced();
  live.work(runner.runLive, settings.concurrency);
  resync.work(runner.runResync, RESYNC_CONCURRENCY);
  await schedule(resync, settings);
  log.info({ concurrency: settings.concurrency }, 'working');
}

function readiness(heartbeat: Heartbeat, view: ClusterView): readonly ReadinessCheck[] {
  const isBehind = (): string | undefined =>
    view.isFresh() ? undefined : 'not all Kubernetes objects are being watched';
  return [
    { name: 'stores', unready: heartbeat.unready },
    { name: 'caches', unready: isBehind },
  ];
}

type Stores = Awaited<ReturnType<typeof openStores>>;

/** Clients and queues, closed again in reverse order: queues drain while their stores are still there. */
async function openStores(
  settings: WorkerSettings,
  { log, turnOf }: { readonly log: Logger; readonly turnOf: (key: string) => Turn },
  { onClose }: Lifecycle,
) {
  const access = { apiServer: settings.kubernetesApi };
  const connect = (name: string) =>
    createRedis(settings.redis, { name, access, onError: (error) => log.debug({ reason: error.message }, 'redis') });
  const kube = createKubeClient({ kubeconfig: settings.kubeconfig, apiServer: settings.kubernetesApi });
  const contrail = createContrailClient(await contrailEndpoints(settings, { ...access, freshMs: ADDRESSES_FRESH_MS }));
  onClose('contrail', contrail.close);
  const redis = connect('workers');
  onClose('redis', () => redis.disconnect());
  const live = createQueue({ name: 'live', connect, log, turnOf });
  const resync = createQueue({ name: 'resync', connect, log });
  onClose('queues', async () => void (await Promise.all([live.close(), resync.close()])));
  return { kube, contrail, redis, live, resync };
}

async function schedule(resync: KeyQueue, settings: WorkerSettings): Promise<void> {
  await resync.every(RESYNC, settings.resyncInterval * 1000);
  await resync.after(RESYNC, UPGRADED_MS);
  await resync.every(PRUNE, settings.pruneInterval * 1000);
}

/** Both stores may be replaced under us: a new config database is rebuilt, an emptied queue is filled again. */
function watchStores(
  world: {
    readonly stores: Stores;
    readonly view: ClusterView;
    readonly facts: { readonly names: NameCache; readonly networks: NetworkFacts };
    readonly settings: WorkerSettings;
  },
  log: Logger,
  signal: AbortSignal,
): Heartbeat {
  const { stores, view, facts, settings } = world;
  return startHeartbeat({
    contrail: stores.contrail,
    redis: stores.redis,
    intervalMs: HEARTBEAT_MS,
    signal,
    log,
    onDatabase: (database, isNew) => {
      if (isNew) for (const fact of Object.values(facts)) fact.forget();
      if (database.state === 'rebuilding') stores.live.enqueue([rebuildKey(database.epoch)]);
    },
    onQueueLost: () => {
      log.warn('the queue was lost: every key is enqueued again');
      stores.live.enqueue(view.allKeys());
      schedule(stores.resync, settings).catch((error: unknown) =>
        log.warn({ reason: messageOf(error) }, 'cannot schedule yet; the next start does'),
      );
    },
  });
}
