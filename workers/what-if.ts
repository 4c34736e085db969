/**
 * `POST /what-if`: what policies that are not applied would make of pods: their groups, and who would be in which. Computed as a run
 * of their keys would, and nothing is written.
 */
import { z } from 'zod';
import { desiredOpenGroups } from '../contrail/desired/namespace.ts';
import { desiredNetworkPolicy } from '../contrail/desired/network-policy.ts';
import type { ContrailObject, FqName } from '../contrail/objects.ts';
import type { KubeObject } from '../kubernetes/client.ts';
import { type SlimNetworkPolicy, supposedNetworkPolicy } from '../kubernetes/network-policy.ts';
import type { SlimPod } from '../kubernetes/objects.ts';
import type { Further } from '../runtime/health.ts';
import type { ClusterSettings } from './cluster-settings.ts';
import { policySubject } from './desired/network-policy.ts';
import { placedPods, type PlacedView } from './gather/network-policy.ts';
import { loopbackPage } from './loopback-page.ts';
import { openGroups, placedIn, policyMemberships, reachesOut } from './policy-membership.ts';
import type { ClusterView } from './watch.ts';

const Body = z.object({
  /** NetworkPolicies; one that is there already is replaced. */
  policies: z.array(z.looseObject({ metadata: z.looseObject({ namespace: z.string(), name: z.string() }) })),
  pods: z.array(z.object({ namespace: z.string(), name: z.string() })).max(1000),
});
type Asked = z.infer<typeof Body>;

interface View extends PlacedView, Pick<ClusterView, 'policiesFor'> {
  readonly pods: Pick<ClusterView['pods'], 'get'>;
  readonly policies: Pick<ClusterView['policies'], 'get'>;
}

interface WhatIf {
  /** The policies' groups, and the open ones, which a node is not sent while none of its pods is in them. */
  readonly objects: readonly ContrailObject[];
  /** The names of the groups that each pod would be in. */
  readonly pods: readonly { readonly namespace: string; readonly name: string; readonly groups: readonly FqName[] }[];
  /** What is wrong with the policies. */
  readonly problems: readonly string[];
}

/** The page; any replica answers. */
export function answerWhatIf(view: View, settings: ClusterSettings): Further {
  const page = { method: 'POST', path: '/what-if', statuses: [200, 400] } as const;
  return loopbackPage(page, async (body) => whatIf(Body.parse(body), view, settings));
}

/** What would be. Pure. */
export function whatIf({ policies: raw, pods }: Asked, view: View, settings: ClusterSettings): WhatIf {
  // Its namespace and name are what the body is held to.
  const policies = (raw as unknown as readonly KubeObject[]).map((each) =>
    supposedNetworkPolicy(each, view.policies.get(`${each.metadata.namespace}/${each.metadata.name}`)),
  );
  const subjects = policies.map((policy) => policySubject(policy, placedPods(policy, view), settings.names));
  const namespaces = [...new Set(pods.map(({ namespace }) => namespace))];
  return {
    objects: [
      ...subjects.flatMap((subject) => desiredNetworkPolicy(subject, settings)),
      ...namespaces.flatMap((namespace) => desiredOpenGroups(namespace, settings)),
    ],
    pods: pods.flatMap(({ namespace, name }) => {
      const pod = view.pods.get(`${namespace}/${name}`);
      return pod === undefined ? [] : [{ namespace, name, groups: groupsOf(pod, policies, { view, settings }) }];
    }),
    problems: subjects.flatMap(({ namespace, name, problems }) =>
      problems.map(({ message }) => `NetworkPolicy ${namespace}/${name}: ${message}`),
    ),
  };
}

function groupsOf(
  pod: SlimPod,
  policies: readonly SlimNetworkPolicy[],
  { view, settings: { names } }: { readonly view: View; readonly settings: ClusterSettings },
): readonly FqName[] {
  const placed = placedIn(pod, view);
  const replaced = new Set(policies.map(nameOf));
  const all = [
    ...view.policiesFor(pod.namespace).filter((policy) => !replaced.has(nameOf(policy))),
    ...policies.filter((policy) => policy.namespace === pod.namespace || reachesOut(policy)),
  ];
  const memberships = policyMemberships(placed, all, names).map(({ group }) => group.split(':'));
  return [...openGroups(placed, all, names), ...memberships];
}

function nameOf({ namespace, name }: SlimNetworkPolicy): string {
  return `${namespace}/${name}`;
}
