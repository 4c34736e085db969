/** Asks the API server whether somebody may use a network: RBAC's verb `use` on `virtualnetworks.opencontrail.org`. */
import { z } from 'zod';
import type { CallOptions, KubeClient } from './client.ts';
import { GROUP } from './virtual-network.ts';

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
    network,
    options,
  }: { readonly network: { readonly namespace: string; readonly name: string }; readonly options?: CallOptions },
): Promise<boolean> {
  const { namespace, name } = network;
  const resourceAttributes = { group: GROUP, resource: 'virtualnetworks', verb: 'use', namespace, name };
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
