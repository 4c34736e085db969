/** Policies of a file that are not applied: read, and put to the workers, who say which groups they would make. */
import { readFile } from 'node:fs/promises';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import type { KubeObject } from '../../kubernetes/client.ts';
import { type SlimNetworkPolicy, supposedNetworkPolicy } from '../../kubernetes/network-policy.ts';
import type { Cluster } from '../reach/cluster.ts';
import type { Directory, PodEnd } from '../reach/directory.ts';
import type { Hypothesis } from '../reach/nodes.ts';
import { askWorkers } from '../reach/workers.ts';

/** The NetworkPolicies of a YAML file. Throws for anything else in it. */
export async function readPolicies(file: string): Promise<readonly KubeObject[]> {
  const documents = parseAllDocuments(await readFile(file, 'utf8')).map((document) => document.toJS() as unknown);
  return documents.filter((each) => each !== null).map((document) => policyIn(document, file));
}

const Policy = z.looseObject({
  apiVersion: z.literal('networking.k8s.io/v1'),
  kind: z.literal('NetworkPolicy'),
  metadata: z.looseObject({ name: z.string(), namespace: z.string().default('default') }),
  spec: z.looseObject({ podSelector: z.looseObject({}) }),
});

function policyIn(document: unknown, file: string): KubeObject {
  const parsed = Policy.safeParse(document);
  if (!parsed.success) throw new Error(`${file} must hold NetworkPolicies alone: ${z.prettifyError(parsed.error)}`);
  // The schema has seen what is read of it.
  return parsed.data as unknown as KubeObject;
}

const WhatIf = z.object({
  objects: z.array(z.looseObject({ uuid: z.string() })),
  pods: z.array(z.object({ namespace: z.string(), name: z.string(), groups: z.array(z.array(z.string())) })),
  problems: z.array(z.string()),
});

/** What the workers would make of the policies, for these pods. */
export async function suppose(
  policies: readonly KubeObject[],
  pods: readonly PodEnd[],
  cluster: Cluster,
): Promise<Hypothesis & { readonly problems: readonly string[] }> {
  const names = pods.map(({ namespace, name }) => ({ namespace, name }));
  const said = await askWorkers({ path: '/what-if', body: { policies, pods: names } }, cluster);
  const { objects: groups, pods: members, problems } = WhatIf.parse(said);
  const interfaces = members.flatMap(({ namespace, name, groups: own }) => {
    const pod = pods.find((each) => each.namespace === namespace && each.name === name);
    return (pod?.interfaces ?? []).map(({ vmi }) => ({ vmi, groups: own }));
  });
  return { groups, interfaces, problems };
}

/** A directory in which the policies are there. */
export function supposingDirectory(directory: Directory, supposed: readonly KubeObject[]): Directory {
  return {
    ...directory,
    policies: async (namespace) => supposedPolicies(await directory.policies(namespace), supposed, namespace),
  };
}

/** The policies of a namespace as they would be. */
function supposedPolicies(
  present: readonly SlimNetworkPolicy[],
  supposed: readonly KubeObject[],
  namespace: string,
): readonly SlimNetworkPolicy[] {
  const own = supposed
    .filter(({ metadata }) => metadata.namespace === namespace)
    .map((policy) =>
      supposedNetworkPolicy(
        policy,
        present.find(({ name }) => name === policy.metadata.name),
      ),
    );
  return [...present.filter(({ name }) => !own.some((policy) => policy.name === name)), ...own];
}
