/** The product's custom resources on a test's API server: the chart's own files. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { KubeClient, KubeObject } from '../../kubernetes/client.ts';
import { eventually } from './eventually.ts';

const FILES = join(import.meta.dirname, '../../charts/opencontrail/files/crds/*.yaml');

/** Installs them and waits until they are served. */
export async function installResources(client: KubeClient): Promise<void> {
  for (const definition of globSync(FILES).flatMap(documents)) {
    await client.post('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition);
    const { names, group } = definition['spec'] as { names: { plural: string }; group: string };
    await eventually(async () => (await client.get(`/apis/${group}/v1alpha1/${names.plural}`)) !== undefined);
  }
}

function documents(file: string): readonly KubeObject[] {
  return parseAllDocuments(readFileSync(file, 'utf8')).map((document) => document.toJS() as KubeObject);
}
