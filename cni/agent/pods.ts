/** This node's pods as the agent sees them: a cache of what is assigned, and a wait for what is not yet. */
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Change, Reflector, ReflectorOptions } from '../../kubernetes/cache.ts';
import type { KubeClient, KubeObject } from '../../kubernetes/client.ts';
import { keyOf } from '../../kubernetes/objects.ts';
import { CniFailure } from './failure.ts';
import type { PodPort } from '../../kubernetes/ports.ts';
import { type AgentPod, agentPod, portsOf } from './pod-ports.ts';

/** The pod a command is about. A runtime that does not say the UID gets the pod of that name. */
export interface PodIdentity {
  readonly namespace: string;
  readonly name: string;
  readonly uid?: string | undefined;
}

export interface AssignedPod {
  readonly uid: string;
  readonly ports: readonly PodPort[];
}

export interface PodSource {
  /** Waits until the pod's ports are assigned; throws a `CniFailure` that says what is missing when the time is up. */
  readonly waitForPorts: (
    pod: PodIdentity,
    limits: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ) => Promise<AssignedPod>;
  /** Whether the API server, asked now, says that this pod is gone (or replaced). `false` when it cannot be asked. */
  readonly isGone: (pod: PodIdentity & { readonly uid: string }) => Promise<boolean>;
  /** Why the cache cannot be trusted yet, or `undefined`. */
  readonly unready: () => string | undefined;
}

/** A pod that the cache does not show is looked up after this long, and again as often (a watch may lag or be dead). */
const LOOKUP_MS = 1_000;

/** Follows the pods of `node`; `createReflector` is the one of kubernetes/cache.ts. */
export function createPodSource(deps: {
  readonly client: KubeClient;
  readonly node: string;
  readonly createReflector: (options: ReflectorOptions<AgentPod>) => Reflector<AgentPod>;
  readonly signal: AbortSignal;
  readonly log: Logger;
}): PodSource {
  const waiters = new Map<string, Set<() => void>>();
  const reflector = deps.createReflector({
    client: deps.client,
    path: '/api/v1/pods',
    query: { fieldSelector: `spec.nodeName=${deps.node}` },
    project: agentPod,
    onChange: (change: Change<AgentPod>) => waiters.get(keyOf(change.object))?.forEach((wake) => wake()),
    signal: deps.signal,
    log: deps.log,
  });
  const lookup = async (pod: PodIdentity): Promise<AgentPod | undefined> => {
    const raw = await deps.client.get(podPath(pod));
    return raw === undefined ? undefined : agentPod(raw);
  };
  return {
    waitForPorts: async (pod, { timeoutMs, signal }) => {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      let found = reflector.get(keyOf(pod));
      for (;;) {
        const assigned = assignedPod(found, pod);
        if (assigned !== undefined) return assigned;
        if (limit.aborted) break;
        const woken = await nextChange(waiters, keyOf(pod), limit);
        found =
          woken || limit.aborted ? reflector.get(keyOf(pod)) : await lookup(pod).catch(() => reflector.get(keyOf(pod)));
      }
      signal.throwIfAborted();
      const latest = await lookup(pod).catch(() => found);
      throw await shortfall(latest, { pod, timeoutMs, client: deps.client });
    },
    isGone: async (pod) => {
      try {
        const found = await lookup(pod);
        return found === undefined || (found.uid !== pod.uid && found.staticUid !== pod.uid);
      } catch {
        return false; // Death is proven, never assumed (design rule 10).
      }
    },
    unready: () => (reflector.synced ? undefined : 'the pods of this node are not listed yet'),
  };
}

/** Resolves `true` when the pod changed, `false` when it is time to look for it. */
async function nextChange(waiters: Map<string, Set<() => void>>, key: string, limit: AbortSignal): Promise<boolean> {
  const waiting = waiters.get(key) ?? new Set();
  waiters.set(key, waiting);
  const done = new AbortController();
  const changed = new Promise<boolean>((resolve) => {
    const wake = (): void => resolve(true);
    waiting.add(wake);
    done.signal.addEventListener('abort', () => {
      waiting.delete(wake);
      if (waiting.size === 0) waiters.delete(key);
    });
  });
  const passed = sleep(LOOKUP_MS, false, { signal: AbortSignal.any([limit, done.signal]) }).catch(() => false);
  const outcome = await Promise.race([changed, passed]);
  done.abort();
  return outcome;
}

function assignedPod(found: AgentPod | undefined, pod: PodIdentity): AssignedPod | undefined {
  if (found === undefined || !isSame(found, pod)) return undefined;
  const ports = portsOf(found);
  return ports === undefined ? undefined : { uid: found.uid, ports };
}

function isSame(found: AgentPod, pod: PodIdentity): boolean {
  return pod.uid === undefined || found.uid === pod.uid || found.staticUid === pod.uid;
}

/** Says which link of the chain webhook → worker → annotation is missing, with the last warning about the pod. */
async function shortfall(
  found: AgentPod | undefined,
  context: { readonly pod: PodIdentity; readonly timeoutMs: number; readonly client: KubeClient },
): Promise<CniFailure> {
  const { pod, timeoutMs, client } = context;
  const what = `pod ${pod.namespace}/${pod.name}`;
  if (found === undefined) return new CniFailure('podNotFound', `${what} is not known to the API server`);
  if (!isSame(found, pod)) {
    return new CniFailure(
      'podNotFound',
      `${what} has the UID ${found.uid} now; the runtime asks for its predecessor ${pod.uid}`,
    );
  }
  const warning = await lastWarning(found, client);
  const message = `${what} has no port after ${Math.round(timeoutMs / 1000)} s: ${missingLink(found)}`;
  return new CniFailure('portNotAssigned', message, warning === undefined ? {} : { details: warning });
}

function missingLink(found: AgentPod): string {
  if (found.ports !== undefined)
    return `the annotation opencontrail.org/ports is for another pod or cannot be read: ${found.ports}`;
  if (found.assignment === undefined) {
    return 'it has no annotation opencontrail.org/assignment: no webhook or worker has decided its network yet';
  }
  return `its network is decided (${found.assignment}), but no worker has written the annotation opencontrail.org/ports yet`;
}

async function lastWarning(pod: AgentPod, client: KubeClient): Promise<string | undefined> {
  try {
    const fieldSelector = `involvedObject.uid=${pod.uid},type=Warning`;
    const { items } = await client.list(`/api/v1/namespaces/${pod.namespace}/events`, { fieldSelector });
    const ours = items.filter((event) => event['reason'] !== 'FailedCreatePodSandBox').map(eventText);
    return ours.at(-1);
  } catch (error) {
    return `the pod's events cannot be read: ${messageOf(error)}`;
  }
}

function eventText(event: KubeObject): string {
  return `last warning: ${String(event['reason'])}: ${String(event['message'])}`;
}

function podPath(pod: PodIdentity): string {
  return `/api/v1/namespaces/${pod.namespace}/pods/${pod.name}`;
}
