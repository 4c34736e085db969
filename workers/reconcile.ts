/** One run of one key: gather, desired, plan, apply, the same four lines for every kind; and what its failures mean. */
import { apply } from '../contrail/apply.ts';
import { ContrailError } from '../contrail/client.ts';
import type { ContrailObject } from '../contrail/objects.ts';
import { ownerOf } from '../contrail/ownership.ts';
import { identityOf, type Operation, plan } from '../contrail/plan.ts';
import { isReference } from '../contrail/reference.ts';
import type { ApplyDeps, Deps, Reconciler } from './deps.ts';
import { clusterKey, type Key, keyText, namespaceKey } from './keys.ts';
import { networkIdsKeys } from './network-ids.ts';
import { numbered } from './remembered-ids.ts';
import { readStatus } from './status.ts';
import { TakenMeanwhile } from './taken-meanwhile.ts';

/** What a run came to; `operations` counts writes to Contrail. */
export type Result =
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'done'; readonly operations: number }
  | { readonly kind: 'notYet'; readonly missing: string; readonly retryAfterMs: number };

export type Reconcile = (key: Key, deps: Deps) => Promise<Result>;

/** The reconcile of a kind from its steps. Throws `TerminalError` for what a user must mend, anything else to be retried. */
export function reconcileWith<I>(kind: Reconciler<I>): Reconcile {
  return async (key, deps) => {
    const input = await inputOf(kind, key, deps);
    const result = await choosing(input, { kind, key, deps });
    const pending = input === undefined || result.kind === 'notYet' ? undefined : kind.pending?.(input);
    return pending === undefined ? result : { kind: 'notYet', missing: pending, retryAfterMs: PENDING_MS };
  };
}

const PENDING_MS = 1_000;

/** What cannot be read as something to be done is told to the user; if it can again, it is done again, and told. */
async function inputOf<I>({ input }: Reconciler<I>, key: Key, deps: Deps): Promise<I | undefined> {
  try {
    return await input(key, deps);
  } catch (error) {
    await deps.digests.forget(keyText(key));
    throw error;
  }
}

interface Subject<I> {
  readonly kind: Reconciler<I>;
  readonly key: Key;
  readonly deps: Deps;
}

/** So often a run chooses anew at once; after that its key is tried again like any that fails. */
const CHOICES = 32;

async function choosing<I>(input: I | undefined, subject: Subject<I>): Promise<Result> {
  const taken: string[] = [];
  let chosen = input;
  for (let choice = 1; ; choice += 1) {
    try {
      return await reconciled(chosen, { ...subject, deps: { ...subject.deps, taken } });
    } catch (error) {
      if (!(error instanceof TakenMeanwhile) || choice === CHOICES) throw error;
      taken.push(...error.addresses);
      chosen = chosen && (subject.kind.otherwise?.(chosen) ?? chosen);
    }
  }
}

async function reconciled<I>(input: I | undefined, { kind, key, deps }: Subject<I>): Promise<Result> {
  const text = keyText(key);
  if (input !== undefined && !deps.force && (await deps.digests.isSettled(text, input))) return { kind: 'unchanged' };
  // Whatever becomes of this run, what stood before it does no longer.
  await deps.digests.forget(text);

  const observation = await kind.observe(key, input, deps);
  if (observation.kind === 'waiting') return await waitFor(observation.missing, observation.keys, deps);
  const desired = input === undefined ? [] : kind.desired(input, deps.settings, observation);
  const { wanted, observed } = ours(desired, observation.found, key, deps.settings.cluster);
  const operations = numbered(plan(wanted, observed), deps.networkIds);
  if (await mustLeaveToRebuild(operations, deps)) return REBUILDING;
  // Whoever refers to a network that goes lets go of it first.
  deps.enqueue(
    connectionsOf(
      operations.filter(({ op }) => op === 'delete'),
      deps,
    ),
  );
  const { pooled = [] } = observation;
  await applyExplained(operations, { kind, input, deps: { ...deps, pooled } });
  deps.enqueue(networkIdsKeys(operations, deps.settings));
  await runAnew(connectionsOf(operations, deps), deps);
  await note(key, input, { kind, deps });
  return { kind: 'done', operations: operations.length };
}

/** What was done is known from here on. */
async function note<I>(
  key: Key,
  input: I | undefined,
  { kind, deps }: { readonly kind: Reconciler<I>; readonly deps: Deps },
): Promise<void> {
  const text = keyText(key);
  if (input !== undefined) return await deps.digests.settle(text, (await kind.finish?.(input, deps)) ?? input);
  await kind.end?.(key, deps);
}

/**
 * A network that comes is joined to what it is connected with; one that goes is told to be missing; and subnets decide whether anything can
 * pass.
 */
function connectionsOf(operations: readonly Operation[], { view }: Deps): readonly string[] {
  return operations
    .filter((each) => each.object.type === 'virtual-network' && (each.op !== 'update' || SUBNETS in each.fields))
    .flatMap(({ object }) => view.connectionsOf(object.fq_name.join(':')));
}

const SUBNETS = 'network_ipam_refs';

/** A refusal that the kind can put into the user's terms is thrown in these. */
async function applyExplained<I>(
  operations: ReturnType<typeof plan>,
  { kind, input, deps }: { readonly kind: Reconciler<I>; readonly input: I | undefined; readonly deps: ApplyDeps },
): Promise<void> {
  try {
    await apply(operations, { client: deps.contrail, signal: deps.signal });
  } catch (error) {
    if (input === undefined) throw error;
    throw (await kind.explain?.(error, input, deps)) ?? error;
  }
}

const REBUILDING: Result = { kind: 'notYet', missing: 'the rebuild of the config database', retryAfterMs: 500 };

/**
 * A network's number is given away first come, first served, and running connections carry it as VNI and mark. So while a
 * lost database is filled again only the rebuild makes networks, in their old order. Asked of the server at that moment:
 * what this replica last heard may be a second old.
 */
async function mustLeaveToRebuild(operations: readonly Operation[], { contrail, force }: Deps): Promise<boolean> {
  const makesNetwork = operations.some(({ op, object }) => op === 'create' && object.type === 'virtual-network');
  return makesNetwork && !force && (await readStatus(contrail)).state === 'rebuilding';
}

/** Splits off what belongs to others: it is neither changed nor deleted, and what stands under a wanted name is taken as it is. */
function ours(
  desired: readonly ContrailObject[],
  found: readonly ContrailObject[],
  key: Key,
  cluster: string,
): { readonly wanted: readonly ContrailObject[]; readonly observed: readonly ContrailObject[] } {
  const isOwned = (object: ContrailObject): boolean => {
    if (isReference(object)) return true;
    const owner = ownerOf(object);
    return (
      owner?.cluster === cluster && owner.kind === key.kind && owner.name === key.name && isIn(owner.namespace, key)
    );
  };
  const foreign = new Set(found.filter((object) => !isOwned(object)).map(identityOf));
  return {
    wanted: desired.filter((object) => !foreign.has(identityOf(object))),
    observed: found.filter(isOwned),
  };
}

/** Namespace keys have no namespace of their own; their objects are marked with the namespace's name. */
function isIn(namespace: string, key: Key): boolean {
  return key.namespace === '' || namespace === key.namespace;
}

async function waitFor(missing: string, keys: readonly string[], deps: Prerequisites): Promise<Result> {
  await runAnew(keys, deps);
  return { kind: 'notYet', missing, retryAfterMs: PREREQUISITE_MS };
}

type Prerequisites = Pick<Deps, 'settings' | 'names' | 'digests' | 'enqueue'>;

/** Keys whose objects are missing are run whether or not their input has changed: somebody may have deleted them. */
async function runAnew(keys: readonly string[], { digests, enqueue }: Prerequisites): Promise<void> {
  for (const key of keys) await digests.forget(key);
  enqueue(keys);
}

const PREREQUISITE_MS = 200;

/** Answers of the config API that mean "not yet": another key, or the server, has something to do first. */
const NOT_YET: readonly { readonly status: number; readonly message: RegExp; readonly retryAfterMs: number }[] = [
  { status: 503, message: /Initializing/, retryAfterMs: 1_000 },
  {
    status: 400,
    message: /Unknown reference in resource|Parent .* does not exist|FloatingIPPool .* to be Ready/,
    retryAfterMs: PREREQUISITE_MS,
  },
  { status: 404, message: /Unknown id|No .* object found|not found/, retryAfterMs: PREREQUISITE_MS },
  { status: 409, message: /Delete when (children still present|resource still referred)/, retryAfterMs: 1_000 },
];

/** What an error of a run means for its key: "not yet", or `undefined` when it is a failure. Names are looked up anew after it. */
export async function notYetOf(error: unknown, key: Key, deps: Prerequisites): Promise<Result | undefined> {
  if (!(error instanceof ContrailError)) return undefined;
  deps.names.forget();
  const row = NOT_YET.find(({ status, message }) => status === error.status && message.test(error.message));
  if (row === undefined) return undefined;
  if (row.status === 400) await runAnew(prerequisitesOf(key, deps.settings.cluster), deps);
  return { kind: 'notYet', missing: error.message, retryAfterMs: row.retryAfterMs };
}

/** The keys whose objects a key's objects stand on. Pure. */
function prerequisitesOf({ kind, namespace }: Key, cluster: string): readonly string[] {
  if (kind === 'Cluster' || kind === 'Node') return [];
  // Those of a namespace stand on its project; a Namespace's own key names none.
  return namespace === '' ? [clusterKey(cluster)] : [clusterKey(cluster), namespaceKey(namespace)];
}
