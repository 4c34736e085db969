/** Gathers whether networks of other namespaces may be used: by who asks, and by the pod's service account. */
import { type Subject, mayUseNetwork, serviceAccount } from '../kubernetes/access.ts';
import type { Reflector } from '../kubernetes/cache.ts';
import type { KubeClient } from '../kubernetes/client.ts';
import { type NetworkUse, sharedNetworkOf, useProblem } from '../kubernetes/custom-network.ts';
import type { SlimNamespace } from '../kubernetes/objects.ts';
import type { AnnotationProblem } from '../kubernetes/problems.ts';
import { isSharedWith, type SlimVirtualNetwork } from '../kubernetes/virtual-network.ts';
import type { AdmissionRequest } from './review.ts';

/** Of the three seconds that a validating call has, what one question may take. */
const REVIEW_TIMEOUT_MS = 800;
/** How long an answer is used again, and how many are kept: a rollout asks the same for every pod. */
const FRESH_MS = 5_000;
const MAX_ANSWERS = 1_000;

export interface PermissionDeps {
  readonly client: KubeClient;
  readonly virtualNetworks: Pick<Reflector<SlimVirtualNetwork>, 'get'>;
}

/** What is wrong with each use that is not permitted; empty where all are. Throws when the API server does not answer. */
export type FindForbidden = (
  uses: readonly NetworkUse[],
  request: AdmissionRequest,
  home: Pick<SlimNamespace, 'name' | 'labels'>,
) => Promise<readonly AnnotationProblem[]>;

/** Controllers make pods on behalf of others: there the service account alone decides. */
const CONTROLLERS = 'system:serviceaccount:kube-system:';

export function createPermissions({ client, virtualNetworks }: PermissionDeps): FindForbidden {
  const may = remembered(client);
  return async (uses, request, home) => {
    const unshared = uses.filter((use) => {
      const { namespace, name } = sharedNetworkOf(use);
      const resource = virtualNetworks.get(`${namespace}/${name}`);
      return resource === undefined || !isSharedWith(resource.sharing, home);
    });
    const problems = await Promise.all(unshared.map(async (use) => await problemOf(use, subjectsOf(request), may)));
    return problems.flat();
  };
}

interface Asked {
  readonly who: string;
  readonly subject: Subject;
}

function subjectsOf(request: AdmissionRequest): readonly Asked[] {
  const { resource, namespace, object } = request;
  const asking = requesterOf(request);
  if (resource.resource !== 'pods') return asking;
  const account = object?.spec?.serviceAccountName ?? 'default';
  return [...asking, { who: `service account ${account}`, subject: serviceAccount(namespace, account) }];
}

function requesterOf({ userInfo }: AdmissionRequest): readonly Asked[] {
  const { username = '', groups, uid, extra } = userInfo ?? {};
  if (username.startsWith(CONTROLLERS)) return [];
  const subject = { user: username, groups: groups ?? [], uid, extra: extra ?? undefined };
  return [{ who: `user ${username}`, subject }];
}

type May = (subject: Subject, use: NetworkUse) => Promise<boolean>;

async function problemOf(use: NetworkUse, asked: readonly Asked[], may: May): Promise<readonly AnnotationProblem[]> {
  for (const { who, subject } of asked) if (!(await may(subject, use))) return [useProblem(use, who)];
  return [];
}

function remembered(client: KubeClient): May {
  const answers = new Map<string, { readonly until: number; readonly answer: boolean }>();
  return async (subject, use) => {
    const key = JSON.stringify([subject, use.resource, use.namespace, use.name]);
    const known = answers.get(key);
    if (known !== undefined && known.until > performance.now()) return known.answer;
    const answer = await mayUseNetwork(client, subject, { use, options: { timeoutMs: REVIEW_TIMEOUT_MS } });
    if (answers.size >= MAX_ANSWERS) answers.clear();
    answers.set(key, { until: performance.now() + FRESH_MS, answer });
    return answer;
  };
}
