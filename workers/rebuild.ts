/**
 * Fills a config database that has lost everything, from what Kubernetes holds: intent, and every allocation in result
 * annotations. Nothing else is allocated before this has ended, so a running pod keeps its address and its MAC (design 5.7).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, TerminalError } from '../runtime/errors.ts';
import { CLOSED, ContrailError } from '../contrail/client.ts';
import type { Deps } from './deps.ts';
import { inParallel } from './in-parallel.ts';
import { restoreKept } from './kept-addresses.ts';
import { type Key, keyText, namespaceKey, type OwningKind, parseKey } from './keys.ts';
import type { Outcome } from './queue-worker.ts';
import type { Reconcile } from './reconcile.ts';
import { readRememberedIds } from './remembered-ids.ts';
import { declareReady, readStatus } from './status.ts';

export interface RebuildDeps {
  readonly reconcile: Reconcile;
  readonly deps: Deps;
  readonly concurrency: number;
  /** Called when the database is ready: everything is looked at once more, in case it changed meanwhile. */
  readonly onReady: () => void;
}

/**
 * What stands on what. A network gets the number that its namespace remembers, since running connections carry it as VNI and
 * mark. What makes networks goes one by one and oldest first all the same: for a network that was made in the last moment
 * before the loss, the next free number is the best guess.
 */
const STAGES: readonly { readonly kinds: readonly OwningKind[]; readonly atOnce?: number }[] = [
  { kinds: ['Cluster'], atOnce: 1 },
  { kinds: ['Namespace'], atOnce: 1 },
  { kinds: ['Node'] },
  { kinds: ['NetworkAttachmentDefinition', 'VirtualNetwork', 'FloatingIPPool'], atOnce: 1 },
  // Apps carry policies of Services, and pods stand in the networks of apps.
  { kinds: ['Service'] },
  { kinds: ['App'], atOnce: 1 },
  // Pods' interfaces are in groups of policies from the first moment, and those of services refer to tuples.
  { kinds: ['NetworkPolicy', 'ClusterNetworkPolicy', 'ServiceChain'] },
  { kinds: ['Network', 'NetworkConnection', 'Pod'] },
  // On interfaces of pods and Services, and in networks.
  { kinds: ['FloatingIP', 'LogicalRouter', 'Ingress'] },
];

/** Rebuilds the database of `epoch`; nothing to do when another replica has. Safe to run twice, also at once. */
export async function rebuild(epoch: string, options: RebuildDeps): Promise<Outcome> {
  const { reconcile, concurrency, onReady } = options;
  const { contrail, view, log, settings } = options.deps;
  const status = await readStatus(contrail);
  if (status.epoch !== epoch || status.state === 'ready') return { kind: 'done' };
  // An absence in a cache that is behind would become a lost address.
  if (!view.isFresh()) return { kind: 'notYet', retryAfterMs: 250, missing: 'watches' };
  const started = performance.now();
  const networkIds = await readRememberedIds(view.namespaces.list(), settings.names.project, contrail);
  const deps = { ...options.deps, networkIds };
  const keys = view.allKeys().flatMap((text) => parseKey(text) ?? []);
  const left = new Set<string>();
  for (const { kinds, atOnce } of STAGES) {
    const stage = keys.filter((key) => kinds.includes(key.kind) && hasAllocation(key, deps) && !isLeft(key, left));
    await inParallel(stage, atOnce ?? concurrency, async (key) => {
      if (!(await replay(key, reconcile, deps))) left.add(keyText(key));
    });
  }
  await restoreKept(deps);
  await declareReady(contrail, epoch);
  log.info({ epoch, keys: keys.length, seconds: Math.round((performance.now() - started) / 100) / 10 }, 'rebuilt');
  onReady();
  return { kind: 'done' };
}

/**
 * What was never given an address has nothing to replay: it gets one when allocation is open, also one that it names, which may be
 * somebody's. A Service stands inside without.
 */
function hasAllocation({ kind, namespace, name }: Key, { view }: Deps): boolean {
  const id = `${namespace}/${name}`;
  if (kind === 'Pod') return view.pods.get(id)?.annotations['opencontrail.org/ports'] !== undefined;
  if (kind === 'FloatingIP') return view.floatingIps.get(id)?.assigned !== undefined;
  if (kind === 'LogicalRouter') return (view.logicalRouters.get(id)?.assigned ?? []).length > 0;
  return true;
}

const STANDING: ReadonlySet<OwningKind> = new Set<OwningKind>(['Pod', 'Service', 'NetworkPolicy', 'ServiceChain']);

/** What stands in a namespace that could not be replayed cannot be replayed either. */
function isLeft({ kind, namespace }: Key, left: ReadonlySet<string>): boolean {
  return STANDING.has(kind) && left.has(namespaceKey(namespace));
}

/**
 * Replays a key and answers whether it stands now. What the server refuses, or a user must mend, is left to the key's own
 * runs afterwards: it must not keep the whole cluster closed. Everything else ends the rebuild, which starts again, since
 * with allocation open the address of a pod that does not stand could be given away.
 */
async function replay(key: Key, reconcile: Reconcile, deps: Deps): Promise<boolean> {
  for (let attempt = 1; ; attempt += 1) {
    deps.signal.throwIfAborted();
    const missing = await tryReplay(key, reconcile, deps);
    if (missing === undefined) return true;
    if (missing === LEFT) return false;
    if (attempt >= ATTEMPTS) {
      if (isOnNodeThatIsGone(key, deps)) return false;
      throw new Error(`${keyText(key)} cannot be rebuilt yet: ${missing}`);
    }
    await sleep(PAUSE_MS, undefined, { signal: deps.signal });
  }
}

const ATTEMPTS = 10;
const PAUSE_MS = 200;
const LEFT = Symbol('left to its own runs');

/** What a key waits for, `LEFT` where waiting is of no use, or `undefined` when it stands. */
async function tryReplay(key: Key, reconcile: Reconcile, deps: Deps): Promise<string | typeof LEFT | undefined> {
  try {
    const result = await reconcile(key, deps);
    return result.kind === 'notYet' ? result.missing : undefined;
  } catch (error) {
    if (deps.networkIds?.isTaken(error) === true) return messageOf(error);
    const isRefusal =
      error instanceof ContrailError && ((error.status >= 400 && error.status < 500) || error.message.endsWith(CLOSED));
    if (!isRefusal && !(error instanceof TerminalError)) throw error;
    deps.log.warn({ ...key, reason: messageOf(error) }, 'not rebuilt');
    return LEFT;
  }
}

/** Such a pod has no router to join, and runs nowhere. */
function isOnNodeThatIsGone({ kind, namespace, name }: Key, { view }: Deps): boolean {
  const pod = kind === 'Pod' ? view.pods.get(`${namespace}/${name}`) : undefined;
  return pod?.nodeName !== undefined && view.nodes.get(pod.nodeName) === undefined;
}
