/** What the chart renders for scaling and draining, judged by a real API server: fields that it does not know are refused. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import type { KubeObject } from '../../kubernetes/client.ts';
import { hasApiServer, startApiServer, type TestApiServer } from '../kubernetes/apiserver.ts';
import { binary, checkout } from '../lab/paths.ts';

// Generous: a real API server, on a machine that may be busy.
jest.setTimeout(120_000);

const PATHS: Readonly<Record<string, string>> = {
  HorizontalPodAutoscaler: '/apis/autoscaling/v2/namespaces/opencontrail/horizontalpodautoscalers',
  Deployment: '/apis/apps/v1/namespaces/opencontrail/deployments',
  PodDisruptionBudget: '/apis/policy/v1/namespaces/opencontrail/poddisruptionbudgets',
};

/** The workers' objects as Helm renders them. */
function rendered(): readonly KubeObject[] {
  const sets = ['kubernetes.apiServer=192.0.2.1:6443', 'workers.autoscaling.kind=hpa'].flatMap((set) => ['--set', set]);
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
    await server.client().post('/api/v1/namespaces', { metadata: { name: 'opencontrail' } });
  });
  afterAll(() => server.stop());

  test.each(Object.keys(PATHS))('takes the workers’ %s, every field of it', async (kind) => {
    const object = rendered().find((candidate) => candidate.kind === kind);
    const path = `${PATHS[kind]}?dryRun=All&fieldValidation=Strict`;
    expect((await server.client().post(path, object))?.metadata.name).toBe('workers');
  });
});
