/** What the chart renders for scaling and draining, judged by a real API server: fields that it does not know are refused. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { parse, parseAllDocuments } from 'yaml';
import type { KubeObject } from '../../kubernetes/client.ts';
import { hasApiServer, startApiServer, type TestApiServer } from '../kubernetes/apiserver.ts';
import { eventually } from '../kubernetes/eventually.ts';
import { binary, checkout } from '../lab/paths.ts';

// Generous: a real API server, on a machine that may be busy.
jest.setTimeout(120_000);

const PATHS: Readonly<Record<string, string>> = {
  HorizontalPodAutoscaler: '/apis/autoscaling/v2/namespaces/opencontrail/horizontalpodautoscalers',
  Deployment: '/apis/apps/v1/namespaces/opencontrail/deployments',
  PodDisruptionBudget: '/apis/policy/v1/namespaces/opencontrail/poddisruptionbudgets',
  ScaledObject: '/apis/keda.sh/v1alpha1/namespaces/opencontrail/scaledobjects',
};
const KEDA = ['workers.autoscaling.kind=keda', 'workers.autoscaling.prometheus=http://prometheus.monitoring:9090'];

/** The workers' objects as Helm renders them for the autoscaler that a kind belongs to. */
function rendered(kind: string): readonly KubeObject[] {
  const autoscaling = kind === 'ScaledObject' ? KEDA : ['workers.autoscaling.kind=hpa'];
  const sets = ['kubernetes.apiServer=192.0.2.1:6443', ...autoscaling].flatMap((set) => ['--set', set]);
  const files = ['workers', 'autoscaling'].flatMap((name) => ['-s', `templates/workers/${name}.yaml`]);
  const chart = join(checkout, 'charts/opencontrail');
  const text = execFileSync(
    binary('helm'),
    ['template', 'oc', chart, '--kube-version', '1.36.3', '-n', 'opencontrail', ...sets, ...files],
    {
      encoding: 'utf8',
    },
  );
  return parseAllDocuments(text).map((document) => document.toJS() as KubeObject);
}

const described = hasApiServer && existsSync(binary('helm')) ? describe : describe.skip;

described('the API server', () => {
  let server: TestApiServer;
  beforeAll(async () => {
    server = await startApiServer();
    const client = server.client();
    await client.post('/api/v1/namespaces', { metadata: { name: 'opencontrail' } });
    const definition = readFileSync(join(import.meta.dirname, 'fixtures/keda.sh_scaledobjects.yaml'), 'utf8');
    await client.post('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', parse(definition));
    await eventually(async () => (await client.get(PATHS['ScaledObject'] ?? '')) !== undefined);
  });
  afterAll(() => server.stop());

  test.each(Object.keys(PATHS))('takes the workers’ %s, every field of it', async (kind) => {
    const object = rendered(kind).find((candidate) => candidate.kind === kind);
    const path = `${PATHS[kind]}?dryRun=All&fieldValidation=Strict`;
    expect((await server.client().post(path, object))?.metadata.name).toBe('workers');
  });

  test('refuses a ScaledObject with a field that KEDA does not know', async () => {
    const object = rendered('ScaledObject').find(({ kind }) => kind === 'ScaledObject');
    const misspelt = { ...object, spec: { ...(object?.['spec'] as object), minReplicas: 2 } };
    const path = `${PATHS['ScaledObject']}?dryRun=All&fieldValidation=Strict`;
    await expect(server.client().post(path, misspelt)).rejects.toThrow(/unknown field "spec.minReplicas"/);
  });
});
