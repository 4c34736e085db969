/** The status of a VirtualNetwork: whether it is ready, its number, and who is in it. */
import type { KubeClient } from '../kubernetes/client.ts';
import { hasStatus } from '../kubernetes/errors.ts';
import { GROUP, type SlimVirtualNetwork } from '../kubernetes/virtual-network.ts';
import type { Deps } from './deps.ts';

/** Whom a status is written for. */
interface Subject {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  /** Keys of the pods in the network. */
  readonly users: readonly string[];
}

/** Names of users that a status lists at most: enough to find them, and no more than an object may hold. */
const LISTED = 20;

interface Condition {
  readonly type: 'Ready';
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
  readonly lastTransitionTime: string;
}

/** Writes that the network stands, where the status does not say so yet. */
export async function writeReady(input: Subject, deps: Deps): Promise<void> {
  const before = deps.view.virtualNetworks.get(`${input.namespace}/${input.name}`);
  const network = deps.settings.names.virtualNetwork(input.namespace, input.name).join(':');
  const users = {
    pods: input.users.length,
    names: input.users.slice(0, LISTED).map((key) => key.split('/').slice(1).join('/')),
  };
  const condition = conditionOf(before, { status: 'True', reason: 'Ready', message: '', generation: input.generation });
  await patch(deps.kube, input, { network, users, conditions: [condition] });
}

/** Writes why the network does not stand. */
export async function writeNotReady(
  kube: KubeClient,
  resource: SlimVirtualNetwork,
  { reason, message }: { readonly reason: string; readonly message: string },
): Promise<void> {
  const state = { status: 'False', reason, message, generation: resource.generation } as const;
  await patch(kube, resource, { conditions: [conditionOf(resource, state)] });
}

function conditionOf(
  resource: SlimVirtualNetwork | undefined,
  state: Pick<Condition, 'status' | 'reason' | 'message'> & { readonly generation: number },
): Condition {
  const { status, reason, message, generation } = state;
  // Written by us alone, in the form above.
  const conditions = (resource?.status as { readonly conditions?: readonly Condition[] } | undefined)?.conditions ?? [];
  const [before] = conditions;
  const lastTransitionTime = before?.status === status ? before.lastTransitionTime : new Date().toISOString();
  return { type: 'Ready', status, reason, message, observedGeneration: generation, lastTransitionTime };
}

async function patch(
  kube: KubeClient,
  { namespace, name, uid }: { readonly namespace: string; readonly name: string; readonly uid: string },
  status: object,
): Promise<void> {
  const path = `/apis/${GROUP}/v1alpha1/namespaces/${namespace}/virtualnetworks/${name}/status`;
  try {
    await kube.patch(path, { metadata: { uid }, status }, 'application/merge-patch+json');
  } catch (error) {
    // Gone, or another one of its name: that one has a run of its own.
    if (!hasStatus(error, 404) && !hasStatus(error, 409) && !hasStatus(error, 422)) throw error;
  }
}
