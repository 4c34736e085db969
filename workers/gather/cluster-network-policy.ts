/** A ClusterNetworkPolicy: its pods, nodes and the numbers of named ports from Kubernetes, its firewall objects from Contrail. */
import {
  clusterPolicyPrefix,
  desiredClusterPolicy,
  GLOBAL_SET,
} from '../../contrail/desired/cluster-network-policy.ts';
import { LABEL } from '../../contrail/desired/tag.ts';
import type { ContrailObject, Reference } from '../../contrail/objects.ts';
import { type End, referenceBetween } from '../../contrail/reference.ts';
import { CLUSTER_POLICY_API, type SlimClusterPolicy } from '../../kubernetes/cluster-network-policy.ts';
import { reportEvent } from '../../kubernetes/events.ts';
import { messageOf, TerminalError } from '../../runtime/errors.ts';
import { concernsPlaced, portNames } from '../cluster-policy-parts.ts';
import type { Deps, Observation, Reconciler } from '../deps.ts';
import { type ClusterPolicySubject, clusterPolicySubject } from '../desired/cluster-network-policy.ts';
import { isWantedPod } from '../desired/pod.ts';
import { clusterPolicyKey, type Key, podKey } from '../keys.ts';
import { readClusterPolicy } from '../lookup.ts';
import { mirroringOfPolicy } from '../mirrors.ts';
import { placedIn } from '../policy-membership.ts';
import { writeNotReady, writeReady } from '../resource-status.ts';
import { readStatus } from '../status.ts';

export const clusterPolicyReconciler: Reconciler<ClusterPolicySubject> = {
  input: async ({ name }, deps) => {
    const policy = await readClusterPolicy(name, deps);
    if (policy === undefined) return undefined;
    const pods = [...policy.ingress, ...policy.egress].flatMap(portNames).length > 0 ? placedPods(policy, deps) : [];
    const mirroring = mirroringOfPolicy(policy, (pod) => deps.view.pods.get(pod), deps.settings.names);
    return clusterPolicySubject(policy, { pods, nodes: deps.view.nodes.list(), mirroring });
  },
  observe,
  desired: (input, settings, { anchor }) => (anchor === undefined ? [] : desiredClusterPolicy(input, anchor, settings)),
  finish: async (input, deps) => {
    const policy = await readClusterPolicy(input.name, deps);
    if (policy === undefined) return input;
    await tell(input, policy, deps);
    // Only now are there tags for its pods to carry.
    deps.enqueue(placedPods(policy, deps).map(({ pod }) => podKey(pod.namespace, pod.name)));
    // Never settled: what it no longer has is taken away by a run that follows, with the same input.
    return { ...input, generation: -1 };
  },
};

/** The pods that a policy is for, or speaks of. */
function placedPods(policy: SlimClusterPolicy, { view }: Deps) {
  return view.pods
    .list()
    .filter(isWantedPod)
    .map((pod) => placedIn(pod, view))
    .filter((placed) => concernsPlaced(placed, policy));
}

/**
 * Rules, groups and tags that the policy no longer has stay as long as something refers to them: one write turns the policy from its
 * old rules to its new ones, and pods leave their tags by their own runs. The run after that finds them free.
 */
async function observe(key: Key, input: ClusterPolicySubject | undefined, deps: Deps): Promise<Observation> {
  if (input !== undefined) await refuseElsewhere(deps);
  const set = await readSet(deps);
  if (set === undefined) return { kind: 'waiting', missing: 'the set of firewall policies for all', keys: [] };
  const prefix = clusterPolicyPrefix(key.name, deps.settings.cluster);
  const found = (await Promise.all(PARTS.map((part) => listParts(part, { key, prefix }, deps)))).flat();
  const wanted = new Set(
    input === undefined ? [] : desiredClusterPolicy(input, set, deps.settings).map(({ uuid }) => uuid),
  );
  const kept = found.filter(({ object, isHeld }) => wanted.has(object.uuid) || !isHeld);
  if (input === undefined && found.length > 0 && kept.length === 0)
    return { kind: 'waiting', missing: 'its pods to leave its tags', keys: [] };
  if (kept.length < found.length) deps.enqueue([clusterPolicyKey(key.name)]);
  return { kind: 'observed', anchor: set, found: [...kept.map(({ object }) => object), ...attached(set, kept)] };
}

interface Part {
  readonly type: string;
  /** Who holds such an object back. */
  readonly holders: readonly string[];
}

const PARTS: readonly Part[] = [
  { type: 'firewall-policy', holders: [] },
  { type: 'firewall-rule', holders: ['firewall_policy_back_refs'] },
  { type: 'address-group', holders: ['firewall_rule_back_refs'] },
  { type: 'service-group', holders: ['firewall_rule_back_refs'] },
  { type: 'tag', holders: ['firewall_rule_back_refs', 'virtual_machine_interface_back_refs'] },
];

interface FoundPart {
  readonly object: ContrailObject;
  readonly isHeld: boolean;
}

/** The objects of a type that are a policy's, by their names. */
async function listParts(
  { type, holders }: Part,
  { key, prefix }: { readonly key: Key; readonly prefix: string },
  { contrail, names }: Deps,
): Promise<readonly FoundPart[]> {
  const isOwn = (name: string): boolean =>
    type === 'tag' ? name.startsWith(`label=cnp__${key.name}__`) : name === prefix || name.startsWith(`${prefix}__`);
  // Labels of pods are tags of other types, and many.
  const tagType = type === 'tag' ? await names.uuidOf('tag-type', [LABEL]) : undefined;
  const uuids = (await contrail.list(type, tagType === undefined ? {} : { backRefId: tagType }))
    .filter(({ fq_name: name }) => isOwn(name.at(-1) ?? ''))
    .map(({ uuid }) => uuid);
  if (uuids.length === 0) return [];
  const found = await contrail.list(type, { uuids, detail: true, fields: holders });
  return found.map((object) => ({ object, isHeld: holders.some((field) => referencesIn(object, field).length > 0) }));
}

function referencesIn(object: ContrailObject, field: string): readonly Reference[] {
  // Asked for by name; absent where there are none (config-api facts 2).
  return (object[field] ?? []) as readonly Reference[];
}

interface SetEnd extends End {
  readonly policies: readonly Reference[];
}

async function readSet({ contrail }: Deps): Promise<SetEnd | undefined> {
  const [set] = await contrail.list('application-policy-set', { fqNames: [GLOBAL_SET], detail: true });
  return (
    set && { type: set.type, uuid: set.uuid, fq_name: set.fq_name, policies: referencesIn(set, 'firewall_policy_refs') }
  );
}

/** The set's references to what was found. */
function attached(set: SetEnd, found: readonly FoundPart[]): readonly ContrailObject[] {
  return found.flatMap(({ object }) => {
    const reference = set.policies.find(({ uuid }) => uuid === object.uuid);
    return reference === undefined ? [] : [referenceBetween(set, object, reference.attr)];
  });
}

/** A Contrail controller's agents would take an Accept for an exemption from nothing, and a Pass for an Accept (ADR 0014). */
async function refuseElsewhere({ contrail }: Deps): Promise<void> {
  if ((await readStatus(contrail)).epoch !== 'external') return;
  throw new TerminalError(
    'TiersUnsupported',
    'a Contrail controller cannot keep tiers of ClusterNetworkPolicies, so this one is not in force; ' +
      'use NetworkPolicies, or firewall policies of the controller itself',
  );
}

/** What is wrong with one rule, or with copies, keeps none of the others from being in force. */
async function tell(input: ClusterPolicySubject, { status }: SlimClusterPolicy, { kube, log }: Deps): Promise<void> {
  const { name, uid, generation, unserved } = input;
  const problems = [...input.problems, ...(unserved === undefined ? [] : [unserved])];
  const reason = input.problems.length === 0 ? 'MirrorUnserved' : 'RulesIncomplete';
  const object = { resource: 'clusternetworkpolicies', name, uid, generation, status } as const;
  if (problems.length === 0) return await writeReady(kube, object, {});
  const message = problems.join('; ');
  await writeNotReady(kube, object, { reason, message });
  const reference = { apiVersion: CLUSTER_POLICY_API, kind: 'ClusterNetworkPolicy', name, uid };
  const report = { reason, message, type: 'Warning', component: 'opencontrail-workers' } as const;
  await reportEvent(kube, { object: reference, ...report }).catch((error: unknown) =>
    log.warn({ name, reason: messageOf(error) }, 'cannot report an Event'),
  );
}
