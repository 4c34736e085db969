/** What the chart renders for a Prometheus operator, judged by a real API server that has the operator's kinds. */
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { parse, parseAllDocuments } from 'yaml';
import type { KubeObject } from '../../kubernetes/client.ts';
import { hasApiServer, startApiServer, type TestApiServer } from '../kubernetes/apiserver.ts';
import { eventually } from '../kubernetes/eventually.ts';
import { binary, checkout } from '../lab/paths.ts';

// Generous: a real API server, on a machine that may be busy.
jest.setTimeout(120_000);

const CHART = join(checkout, 'charts/opencontrail');
const RESOURCES: Readonly<Record<string, string>> = { PodMonitor: 'podmonitors', PrometheusRule: 'prometheusrules' };
const PORTS = ['node.vrouterMetricsPort=9191', 'node.agentMetricsPort=9192'];

interface Relabeling {
  readonly targetLabel?: string;
  readonly regex?: string;
  readonly replacement?: string;
}

function rendered(...sets: readonly string[]): readonly KubeObject[] {
  const flags = ['kubernetes.apiServer=192.0.2.1:6443', 'monitoring.enabled=true', ...sets];
  const files = ['pod-monitor', 'rules'].flatMap((name) => ['-s', `templates/monitoring/${name}.yaml`]);
  const args = ['template', 'oc', CHART, '--kube-version', '1.36.3', '-n', 'opencontrail', ...files];
  const text = execFileSync(binary('helm'), [...args, ...flags.flatMap((set) => ['--set', set])], { encoding: 'utf8' });
  return parseAllDocuments(text).map((document) => document.toJS() as KubeObject);
}

/** Where each program is asked, by its container's name; `$1` is its pod's address. */
function addresses(objects: readonly KubeObject[]): Readonly<Record<string, string | undefined>> {
  const monitor = objects.find(({ kind }) => kind === 'PodMonitor') as unknown as {
    spec: { podMetricsEndpoints: readonly [{ relabelings: readonly Relabeling[] }] };
  };
  const rules = monitor.spec.podMetricsEndpoints[0].relabelings.filter((rule) => rule.targetLabel === '__address__');
  return Object.fromEntries(rules.map(({ regex = '', replacement }) => [regex.replace(';(.+)', ''), replacement]));
}

const described = hasApiServer && existsSync(binary('helm')) ? describe : describe.skip;

described('an API server with the kinds of the Prometheus operator', () => {
  let server: TestApiServer;
  beforeAll(async () => {
    server = await startApiServer();
    const client = server.client();
    await client.post('/api/v1/namespaces', { metadata: { name: 'opencontrail' } });
    for (const resource of Object.values(RESOURCES)) {
      const file = join(import.meta.dirname, `fixtures/monitoring.coreos.com_${resource}.yaml`);
      await client.post('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', parse(readFileSync(file, 'utf8')));
      await eventually(async () => (await client.get(pathOf(resource))) !== undefined);
    }
  });
  afterAll(() => server.stop());

  test.each(Object.entries(RESOURCES))('takes our %s, every field of it', async (kind, resource) => {
    const object = rendered(...PORTS).find((candidate) => candidate.kind === kind);
    const path = `${pathOf(resource)}?dryRun=All&fieldValidation=Strict`;
    expect((await server.client().post(path, object))?.metadata.name).toBe('opencontrail');
  });
});

described('the PodMonitor', () => {
  test('finds every program at its port', () => {
    expect(addresses(rendered(...PORTS, 'workers.port=9999'))).toEqual({
      agent: '$1:9192',
      'config-api': '$1:8082',
      proxy: '$1:9094',
      vrouter: '$1:9191',
      webhooks: '$1:9443',
      workers: '$1:9999',
    });
  });

  test('asks no program whose metrics are on loopback', () => {
    expect(Object.keys(addresses(rendered()))).not.toContain('vrouter');
  });

  test('writes brackets around addresses of IPv6', () => {
    expect(addresses(rendered('cluster.podCidrs={fd00:10::/64}'))['workers']).toBe('[$1]:9090');
  });

  test('has the labels by which a Prometheus chooses it', () => {
    for (const { metadata } of rendered('monitoring.labels.release=prometheus')) {
      expect(metadata.labels).toMatchObject({ release: 'prometheus', 'app.kubernetes.io/name': 'opencontrail' });
    }
  });
});

test('alerts speak of metrics that a program has', () => {
  const alerts = readFileSync(join(CHART, 'files/alerts.yaml'), 'utf8');
  const names = [...alerts.matchAll(/opencontrail_([a-z_]+?)(?:_seconds_count)?\{?(?=[{)])/g)].map(([, name]) => name);
  expect(names.length).toBeGreaterThan(5);
  const rooms = ['cni', 'kubernetes', 'vrouter', 'webhooks', 'workers'].map((room) => `${room}/**/*.ts`);
  const sources = globSync(rooms, { cwd: checkout }).map((file) => readFileSync(join(checkout, file), 'utf8'));
  for (const name of names) expect(sources.some((text) => text.includes(`'${name}'`))).toBe(true);
});

function pathOf(resource: string): string {
  return `/apis/monitoring.coreos.com/v1/namespaces/opencontrail/${resource}`;
}
