/** Cleanup of the cluster: what must stop first, in order, and what Helm does not know of. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeClient } from '../../kubernetes/client.ts';

const ADMISSION = '/apis/admissionregistration.k8s.io/v1';
/** In the order in which they go: no webhook may be asked once its server is going. */
const ADMISSION_KINDS = [
  'validatingwebhookconfigurations',
  'mutatingwebhookconfigurations',
  'validatingadmissionpolicybindings',
  'validatingadmissionpolicies',
];
const WORKLOAD_KINDS = ['deployments', 'statefulsets', 'daemonsets'];
/** Made by programs, not by the chart. */
const SECRETS = ['opencontrail-ca', 'opencontrail-webhooks-tls', 'opencontrail-config-api-tls'];
const POLL_MS = 500;

export interface Release {
  readonly namespace: string;
  readonly release: string;
}

/** Deletes the admission configurations of the release. */
export async function removeAdmission(client: KubeClient, { release }: Release): Promise<void> {
  for (const kind of ADMISSION_KINDS) await deleteAll(client, `${ADMISSION}/${kind}`, selectorOf(release));
}

/** Deletes the release's workloads and waits until their pods are gone, so that nothing remakes what is removed. */
export async function stopPrograms(client: KubeClient, target: Release, timeoutMs: number): Promise<void> {
  for (const kind of WORKLOAD_KINDS) {
    await deleteAll(client, `/apis/apps/v1/namespaces/${target.namespace}/${kind}`, selectorOf(target.release));
  }
  const deadline = performance.now() + timeoutMs;
  while (performance.now() < deadline && (await programsLeft(client, target)) > 0) await sleep(POLL_MS);
}

/** Deletes the Secrets, ConfigMaps and Leases that the programs made. */
export async function removeMade(client: KubeClient, { namespace }: Release): Promise<void> {
  for (const name of SECRETS) await client.delete(`/api/v1/namespaces/${namespace}/secrets/${name}`);
  const made = 'app.kubernetes.io/name=opencontrail,!helm.sh/chart';
  await deleteAll(client, `/api/v1/namespaces/${namespace}/configmaps`, made);
  await deleteAll(client, `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`, made);
}

async function programsLeft(client: KubeClient, { namespace, release }: Release): Promise<number> {
  const labelSelector = `${selectorOf(release)},app.kubernetes.io/component notin (cleanup,preflight,certs)`;
  return (await client.list(`/api/v1/namespaces/${namespace}/pods`, { labelSelector })).items.length;
}

async function deleteAll(client: KubeClient, path: string, labelSelector: string): Promise<void> {
  const { items } = await client.list(path, { labelSelector });
  for (const { metadata } of items)
    await client.delete(`${path}/${metadata.name}`, { query: { propagationPolicy: 'Background' } });
}

function selectorOf(release: string): string {
  return `app.kubernetes.io/name=opencontrail,app.kubernetes.io/instance=${release}`;
}
