/** The status of resources: the condition Ready, and what a kind says besides. */
import { CLUSTER_NETWORK_POLICIES } from '../kubernetes/cluster-network-policy.ts';
import type { KubeClient } from '../kubernetes/client.ts';
import { isOfAnother } from '../kubernetes/errors.ts';
import { FLOATING_IP_POOLS } from '../kubernetes/floating-ip-pool.ts';
import { objectPath } from '../kubernetes/resources.ts';

/** An object of one of our resources, and its status as it stands, which only our workers write. */
export interface ResourceObject {
  readonly resource:
    | 'virtualnetworks'
    | 'networkconnections'
    | 'servicechains'
    | 'floatingippools'
    | 'floatingips'
    | 'logicalrouters'
    | 'clusternetworkpolicies';
  /** Absent for those of the whole cluster. */
  readonly namespace?: string;
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  /** Of kinds that have some. */
  readonly subnets?: readonly { readonly cidr: string }[];
  /** What it asks for as its status says it, whether it stands or not; of kinds that have such. */
  readonly texts?: object;
  readonly status: unknown;
}

interface Condition {
  readonly type: 'Ready';
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
  readonly lastTransitionTime: string;
}

/** Writes that what the object asks for stands, and `facts` of its kind. */
export async function writeReady(kube: KubeClient, object: ResourceObject, facts: object): Promise<void> {
  const condition = conditionOf(object, { status: 'True', reason: 'Ready', message: '' });
  await patch(kube, object, { ...facts, conditions: [condition] });
}

/** Writes why it does not stand, and `facts` of its kind that hold nevertheless. */
export async function writeNotReady(
  kube: KubeClient,
  object: ResourceObject,
  { reason, message, facts = {} }: { readonly reason: string; readonly message: string; readonly facts?: object },
): Promise<void> {
  await patch(kube, object, { ...facts, conditions: [conditionOf(object, { status: 'False', reason, message })] });
}

function conditionOf(
  { status: standing, generation }: ResourceObject,
  state: Pick<Condition, 'status' | 'reason' | 'message'>,
): Condition {
  // Written by us alone, in the form above.
  const conditions = (standing as { readonly conditions?: readonly Condition[] } | undefined)?.conditions ?? [];
  const [before] = conditions;
  const lastTransitionTime = before?.status === state.status ? before.lastTransitionTime : new Date().toISOString();
  return { type: 'Ready', ...state, observedGeneration: generation, lastTransitionTime };
}

function pathOf({ resource, namespace = '', name }: ResourceObject): string {
  if (resource === 'clusternetworkpolicies') return `${CLUSTER_NETWORK_POLICIES}/${name}`;
  if (resource === 'floatingippools') return `${FLOATING_IP_POOLS}/${name}`;
  return objectPath(resource, namespace, name);
}

async function patch(kube: KubeClient, object: ResourceObject, facts: object): Promise<void> {
  const path = `${pathOf(object)}/status`;
  const { uid, subnets, texts } = object;
  // Of a list `kubectl get` shows the first.
  const asked = subnets === undefined ? texts : { subnets: subnets.map(({ cidr }) => cidr).join(', ') };
  try {
    await kube.patch(path, { metadata: { uid }, status: { ...asked, ...facts } }, 'application/merge-patch+json');
  } catch (error) {
    // Gone, or another one of its name: that one has a run of its own.
    if (!isOfAnother(error)) throw error;
  }
}
