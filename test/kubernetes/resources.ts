/** The product's custom resources, ClusterNetworkPolicy and the Gateway API, on a test's API server: the chart's own files. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { KubeClient, KubeObject } from '../../kubernetes/client.ts';
import { eventually } from './eventually.ts';

const CHART = join(import.meta.dirname, '../../charts/opencontrail');
const OWN = ['files/crds/*.yaml', 'crds/cluster-network-policies.yaml'];

/** Installs the product's own and ClusterNetworkPolicy, and waits until they are served. */
export async function installResources(client: KubeClient): Promise<void> {
  await installDefinitions(client, OWN);
}

/** Installs the Gateway API and waits until it is served. */
export async function installGatewayApi(client: KubeClient): Promise<void> {
  await installDefinitions(client, ['crds/gateway-api/*.yaml']);
}

async function installDefinitions(client: KubeClient, files: readonly string[]): Promise<void> {
  for (const definition of globSync(files.map((file) => join(CHART, file))).flatMap(documents)) {
    await client.post('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition);
    const { names, group, versions } = definition['spec'] as Definition;
    const path = `/apis/${group}/${versions[0]?.name}/${names.plural}`;
    await eventually(async () => (await client.get(path)) !== undefined);
  }
}

interface Definition {
  readonly group: string;
  readonly names: { readonly plural: string };
  readonly versions: readonly { readonly name: string }[];
}

function documents(file: string): readonly KubeObject[] {
  return parseAllDocuments(readFileSync(file, 'utf8')).map((document) => document.toJS() as KubeObject);
}
