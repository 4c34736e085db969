/** Asks the API server whether somebody may use a network or a definition: RBAC's verb `use` on it. */
import { z } from 'zod';
import type { CallOptions, KubeClient } from './client.ts';
import { type NetworkUse, USED_GROUPS } from './custom-network.ts';

export interface Subject {
  readonly user: string;
  readonly groups: readonly string[];
  readonly uid?: string | undefined;
  readonly extra?: Readonly<Record<string, readonly string[]>> | undefined;
}

const Answer = z.object({ status: z.object({ allowed: z.boolean() }) });

/** One SubjectAccessReview. Throws what the API server refuses, and when it does not answer in time. */
export async function mayUseNetwork(
  client: Pick<KubeClient, 'post'>,
  subject: Subject,
  {
    use,
    options,
  }: { readonly use: Pick<NetworkUse, 'resource' | 'namespace' | 'name'>; readonly options?: CallOptions },
): Promise<boolean> {
  const { resource, namespace, name } = use;
  const resourceAttributes = { group: USED_GROUPS[resource], resource, verb: 'use', namespace, name };
  const body = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    spec: { ...subject, groups: [...subject.groups], resourceAttributes },
  };
  return Answer.parse(await client.post('/apis/authorization.k8s.io/v1/subjectaccessreviews', body, options)).status
    .allowed;
}

/** A service account as RBAC knows it. */
export function serviceAccount(namespace: string, name: string): Subject {
  return {
    user: `system:serviceaccount:${namespace}:${name}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
  };
}
