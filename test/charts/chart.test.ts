/** The chart as Helm renders it. A changed rendering is seen in review: `UPDATE_GOLDEN=1` rewrites the snapshots. */
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, jest, test } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';

// Real namespaces and programs, on a machine that may be busy.
jest.setTimeout(60_000);

const ROOT = join(import.meta.dirname, '..', '..');
const CHART = join(ROOT, 'charts', 'opencontrail');
const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
const built = globSync(join(cache, 'opencontrail-lab', '*', 'bin', 'helm'))[0];
const helm = built ?? 'helm';
/** The lab builds Helm; where nobody has, the rendering is not looked at. */
const hasHelm = built !== undefined || existsSync('/usr/local/bin/helm');
const described = hasHelm ? describe : describe.skip;

interface Rendered {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly annotations?: Record<string, string>;
  };
  readonly spec?: { readonly template?: { readonly spec: PodSpec } };
  readonly rules?: readonly {
    readonly verbs: readonly string[];
    readonly resources: readonly string[];
    readonly apiGroups: readonly string[];
  }[];
}
interface PodSpec {
  readonly hostNetwork?: boolean;
  readonly serviceAccountName: string;
  readonly tolerations: readonly { readonly key?: string; readonly operator: string }[];
  readonly containers: readonly {
    readonly name: string;
    readonly image: string;
    readonly command: readonly string[];
  }[];
}

const CASES: Readonly<Record<string, readonly string[]>> = {
  embedded: ['bgp.enabled=true'],
  external: [
    'contrail.api=https://contrail.example:8082',
    'contrail.caSecret=contrail-ca',
    'redis.url=rediss://redis.example:6379/0',
    'redis.caSecret=redis-ca',
    'workers.autoscaling.kind=hpa',
  ],
  claim: ['redis.persistence.kind=volumeClaim', 'cluster.defaultMode=namespace', 'preflight.enabled=false'],
};
const FIXED = ['kubernetes.apiServer=192.0.2.1:6443', 'redis.password=secret', 'contrail.token=token'];

const AUTOSCALED = (kind: string): readonly string[] => [
  `workers.autoscaling.kind=${kind}`,
  'workers.autoscaling.prometheus=http://prometheus.example:9090',
];

/** keda.sh/v1alpha1, as far as it is used here; what it does not know is a mistake. */
const ScaledObject = z.object({
  apiVersion: z.literal('keda.sh/v1alpha1'),
  kind: z.literal('ScaledObject'),
  metadata: z.object({ name: z.string(), namespace: z.string(), labels: z.record(z.string(), z.string()) }),
  spec: z.strictObject({
    scaleTargetRef: z.strictObject({ name: z.string() }),
    minReplicaCount: z.int(),
    maxReplicaCount: z.int(),
    triggers: z.array(
      z.strictObject({
        type: z.literal('prometheus'),
        metricType: z.enum(['AverageValue', 'Value']),
        // Every value is a text, numbers too.
        metadata: z.strictObject({ serverAddress: z.url(), query: z.string(), threshold: z.string() }),
      }),
    ),
  }),
});

function render(sets: readonly string[], kubernetes = '1.36.3'): string {
  const args = [...FIXED, ...sets].flatMap((set) => ['--set', set]);
  const cluster = ['--kube-version', kubernetes, '--api-versions', 'gateway.networking.k8s.io/v1/GatewayClass'];
  return execFileSync(helm, ['template', 'oc', CHART, '-n', 'opencontrail', ...cluster, ...args], { encoding: 'utf8' });
}

function objects(text: string): readonly Rendered[] {
  return parseAllDocuments(text).flatMap((document) => {
    const value = document.toJS() as Rendered | null;
    return value === null ? [] : [value];
  });
}

const podSpecs = (rendered: readonly Rendered[]) =>
  rendered.flatMap(({ spec }) => (spec?.template === undefined ? [] : [spec.template.spec]));

described('the chart', () => {
  test.each(Object.keys(CASES))('renders the %s installation as recorded', (name) => {
    const file = join(import.meta.dirname, 'fixtures', `${name}.yaml`);
    const text = render(CASES[name] ?? []);
    if (process.env['UPDATE_GOLDEN'] !== undefined) {
      mkdirSync(join(import.meta.dirname, 'fixtures'), { recursive: true });
      writeFileSync(file, text);
    }
    expect(text).toBe(readFileSync(file, 'utf8'));
  });

  test('is clean by helm lint', () => {
    const out = execFileSync(helm, ['lint', '--strict', CHART, '--set', 'kubernetes.apiServer=192.0.2.1:6443'], {
      encoding: 'utf8',
    });
    expect(out).toContain('0 chart(s) failed');
  });

  test.each(Object.entries(CASES))('runs every pod of the %s installation before there is a network', (_name, sets) => {
    const specs = podSpecs(objects(render(sets)));
    expect(specs.length).toBeGreaterThan(4);
    for (const spec of specs) {
      expect(spec).toMatchObject({ hostNetwork: true, dnsPolicy: 'Default' });
      expect([undefined, 'node.kubernetes.io/not-ready']).toContain(spec.tolerations[0]?.key);
      for (const { image } of spec.containers) expect(image).not.toMatch(/:latest$|^[^:]+$/);
    }
  });

  test('leaves a drained node to the programs that are each node’s, and to hooks', () => {
    const anywhere = podSpecs(objects(render(CASES['embedded'] ?? [])))
      .filter(({ tolerations }) => tolerations.every(({ key }) => key === undefined))
      .map(({ serviceAccountName }) => serviceAccountName);
    expect([...new Set(anywhere)].sort()).toEqual(['bgp', 'certs', 'cleanup', 'node', 'preflight']);
  });

  test.each(Object.entries(CASES))(
    'gives every pod of the %s installation a service account that exists',
    (_name, sets) => {
      const rendered = objects(render(sets));
      const accounts = new Set(
        rendered.filter(({ kind }) => kind === 'ServiceAccount').map(({ metadata }) => metadata.name),
      );
      expect(
        podSpecs(rendered)
          .map(({ serviceAccountName }) => serviceAccountName)
          .filter((name) => !accounts.has(name)),
      ).toEqual([]);
    },
  );

  test('with a Contrail elsewhere runs no config API, no Redis of its own and no vRouter', () => {
    const rendered = objects(render(CASES['external'] ?? []));
    const names = rendered.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
    expect(names).not.toContain('Deployment/config-api');
    expect(names).not.toContain('StatefulSet/redis');
    expect(podSpecs(rendered).flatMap(({ containers }) => containers.map(({ name }) => name))).not.toContain('vrouter');
  });

  test.each([
    'redis+sentinel://:pw@a:26379\\,b:26379/main/0?sentinelPassword=s',
    'rediss+cluster://user:pw@a:7000\\,b:7000',
  ])('hands %s on to the programs, and runs no Redis', (url) => {
    const rendered = objects(render([`redis.url=${url}`]));
    const secret = rendered.find(({ kind, metadata }) => kind === 'Secret' && metadata.name === 'redis');
    expect(secret).toMatchObject({ stringData: { url: url.replaceAll('\\', '') } });
    expect(rendered.map(({ kind }) => kind)).not.toContain('StatefulSet');
  });

  test('takes the URL of Redis from a Secret of the user’s, so that no password is in its values', () => {
    const text = render(['redis.urlSecret=mine']);
    const names = objects(text).map(({ kind, metadata }) => `${kind}/${metadata.name}`);
    expect(names).not.toContain('Secret/redis');
    expect(names).not.toContain('StatefulSet/redis');
    expect(text.match(/name: mine\n +key: url/g)).toHaveLength(2);
  });

  test('leaves the number of workers to whoever scales them', () => {
    for (const kind of ['hpa', 'keda']) {
      const rendered = objects(render(AUTOSCALED(kind)));
      const workers = rendered.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'workers');
      expect(workers?.spec).not.toHaveProperty('replicas');
    }
  });

  test('has KEDA ask Prometheus for the length and the age of the queue as a ScaledObject is written', () => {
    const scaled = objects(render(AUTOSCALED('keda'))).find(({ kind }) => kind === 'ScaledObject');
    expect(ScaledObject.parse(scaled).spec.triggers.map(({ metadata }) => metadata.query)).toEqual([
      'max(opencontrail_queue_jobs{queue="live",state="waiting"})',
      'max(opencontrail_queue_oldest_seconds{queue="live"})',
    ]);
    expect(() => render(['workers.autoscaling.kind=keda'])).toThrow(/workers.autoscaling.prometheus is required/);
  });

  test('leaves the decision to the API server where that is asked for, and judges no assignment then', () => {
    const rendered = objects(render(['webhooks.mutation=policy']));
    const names = rendered.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
    expect(names).not.toContain('MutatingWebhookConfiguration/opencontrail');
    expect(names.filter((name) => name.startsWith('MutatingAdmissionPolicy'))).toHaveLength(4);
    expect(() => render(['webhooks.mutation=policy'], '1.35.0')).toThrow(/stable from Kubernetes 1.36/);
  });

  test('grants no verb on everything, and nobody a list of all Secrets', () => {
    const rules = objects(render([])).flatMap(({ rules, metadata, kind }) =>
      (rules ?? []).map((rule) => ({ ...rule, of: `${kind}/${metadata.name}` })),
    );
    expect(
      rules.filter(({ verbs, resources, apiGroups }) =>
        [verbs, resources, apiGroups].some((list) => list.includes('*')),
      ),
    ).toEqual([]);
    // Certificates of Ingresses are in any namespace: they are read by name, and never listed.
    const everywhere = rules.filter(
      ({ resources, of }) => resources.includes('secrets') && of.startsWith('ClusterRole'),
    );
    expect(everywhere.map(({ of, verbs }) => ({ of, verbs }))).toEqual([
      { of: 'ClusterRole/opencontrail-proxy', verbs: ['get'] },
    ]);
  });

  test.each([
    ['an unknown value', 'webhook.replicas=2', 'webhook'],
    ['a mode nobody serves', 'cluster.defaultMode=open', 'defaultMode'],
    ['the tag latest', 'image.tag=latest', 'tag'],
    ['an API server with a scheme', 'kubernetes.apiServer=https://192.0.2.1:6443', 'apiServer'],
  ])('refuses %s', (_what, set, named) => {
    expect(() => render([set])).toThrow(new RegExp(named));
  });
});

test('documents every value above it, its name first', () => {
  const lines = readFileSync(join(CHART, 'values.yaml'), 'utf8').split('\n');
  const values = lines.flatMap((line, index) => {
    const name = /^\s{0,4}([A-Za-z]+):/.exec(line)?.[1];
    return name === undefined || isGroup(lines, index) || isInsideResources(lines, index)
      ? []
      : [{ name, above: lines[index - 1] ?? '' }];
  });
  expect(values.length).toBeGreaterThan(30);
  const undocumented = values.filter(({ name, above }) => !new RegExp(`^\\s*# ${name}( |:)`).test(above));
  expect(undocumented).toEqual([]);
});

/** A key whose value is further keys: those are documented. */
function isGroup(lines: readonly string[], index: number): boolean {
  const isOpen = lines[index]?.endsWith(':') === true;
  return isOpen && !/^\s*(-|requests:)/.test(lines[index + 1] ?? '');
}

/** Requests and limits are Kubernetes' own words, documented there. */
function isInsideResources(lines: readonly string[], index: number): boolean {
  return lines.slice(Math.max(0, index - 3), index).some((line) => /resources:|Resources:/.test(line));
}
