/** Where the kubelet's probes go to, in networks of users' own. */
import { describe, expect, test } from '@jest/globals';
import { isProbeAddressOf } from '../../kubernetes/probe-address.ts';
import { planProbes, probeWarnings } from '../../webhooks/handlers/probes.ts';
import { parseReview } from '../../webhooks/review.ts';

const CUSTOM = { version: 1, mode: 'custom', interfaces: [] } as const;
const VIEW = { podCidrs: ['10.32.0.0/12'] };
const http = { httpGet: { port: 8080, path: '/ready' } };
const tcp = { tcpSocket: { port: 5432 } };

function request(spec: object, { uid = 'one', annotations = {}, name = 'web-0' } = {}) {
  const object = { metadata: { name, annotations }, spec };
  const call = { uid, resource: { group: '', resource: 'pods' }, operation: 'CREATE', namespace: 'dev', object };
  const parsed = parseReview({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request: call });
  if (parsed.kind === 'invalid') throw new Error(parsed.message);
  return parsed.request;
}

const paths = (spec: object) => planProbes(request(spec), CUSTOM, VIEW).operations.map(({ path }) => path);

describe('Pod Security forbids hosts', () => {
  const plan = planProbes(request({ containers: [{ readinessProbe: http }] }), CUSTOM, VIEW);
  const enforce = 'pod-security.kubernetes.io/enforce';
  test.each([
    ['nobody', {}, plan, 0],
    ['privileged', { [enforce]: 'privileged' }, plan, 0],
    ['baseline', { [enforce]: 'baseline' }, plan, 1],
    ['restricted', { [enforce]: 'restricted', [`${enforce}-version`]: 'latest' }, plan, 1],
    ['restricted of 1.34', { [enforce]: 'restricted', [`${enforce}-version`]: 'v1.34' }, plan, 1],
    ['restricted of 1.33', { [enforce]: 'restricted', [`${enforce}-version`]: 'v1.33' }, plan, 0],
    ['restricted, and nothing was written', { [enforce]: 'restricted' }, planProbes(request({}), CUSTOM, VIEW), 0],
  ])('as %s', (_level, labels, written, want) => {
    const warnings = probeWarnings(written, { labels });
    expect(warnings).toHaveLength(want);
    for (const warning of warnings) expect(warning).toContain(plan.address ?? 'no address');
  });
});

describe('probes', () => {
  test('of every kind that can name a host are given the pod’s own address; gRPC and commands are left alone', () => {
    const spec = {
      containers: [
        { livenessProbe: http, readinessProbe: tcp, startupProbe: { exec: { command: ['true'] } } },
        { readinessProbe: { grpc: { port: 1 } }, lifecycle: { preStop: http, postStart: { exec: {} } } },
      ],
      initContainers: [{ startupProbe: http }],
    };
    expect(paths(spec)).toEqual([
      '/spec/containers/0/livenessProbe/httpGet/host',
      '/spec/containers/0/readinessProbe/tcpSocket/host',
      '/spec/containers/1/lifecycle/preStop/httpGet/host',
      '/spec/initContainers/0/startupProbe/httpGet/host',
    ]);
  });

  test('that name a host keep it, and where all do there is no address', () => {
    const named = { httpGet: { port: 1, host: 'health.example' } };
    expect(planProbes(request({ containers: [{ readinessProbe: named }] }), CUSTOM, VIEW)).toEqual({ operations: [] });
  });

  test('of pods in flat networks are left alone', () => {
    const plan = planProbes(
      request({ containers: [{ readinessProbe: http }] }),
      { ...CUSTOM, mode: 'namespace' },
      VIEW,
    );
    expect(plan).toEqual({ operations: [] });
  });

  test('keep the address of an earlier call of the same admission, and none of another pod’s', () => {
    const spec = { containers: [{ readinessProbe: http }] };
    const { address = '' } = planProbes(request(spec), CUSTOM, VIEW);
    expect(isProbeAddressOf(address, 'dev/web-0')).toBe(true);
    const written = { containers: [{ readinessProbe: { httpGet: { ...http.httpGet, host: address } } }] };
    const annotations = { 'opencontrail.org/probe-address': address };
    expect(planProbes(request(written, { annotations, uid: 'two' }), CUSTOM, VIEW)).toEqual({
      address,
      operations: [],
    });
    const copy = planProbes(request(written, { annotations, uid: 'two', name: 'copy' }), CUSTOM, VIEW);
    expect(copy.address).not.toBe(address);
    expect(copy.operations).toHaveLength(1);
  });

  test('of two pods go to two addresses', () => {
    const spec = { containers: [{ readinessProbe: http }] };
    const seen = new Set(
      Array.from({ length: 100 }, (_, index) => planProbes(request(spec, { uid: `${index}` }), CUSTOM, VIEW).address),
    );
    expect(seen.size).toBe(100);
  });

  test.each([
    ['the cluster’s first, where nothing is known of the network', ['10.32.0.0/12', 'fd00:32::/64'], undefined, 'v4'],
    ['the network’s only one', ['10.32.0.0/12'], ['fd00:20::/64'], 'v6'],
    ['the cluster’s first of both', ['10.32.0.0/12'], ['fd00:20::/64', '10.20.0.0/24'], 'v4'],
    ['IPv6, where the cluster has nothing else', ['fd00:32::/64'], undefined, 'v6'],
    ['IPv4 in such a cluster, where the network has nothing else', ['fd00:32::/64'], ['10.20.0.0/24'], 'v4'],
  ])('have an address of the family that is %s', (_title, podCidrs, subnets, family) => {
    const view = { podCidrs, subnetsOf: () => subnets };
    const { address = '' } = planProbes(request({ containers: [{ readinessProbe: http }] }), CUSTOM, view);
    expect(isProbeAddressOf(address, 'dev/web-0')).toBe(true);
    expect(address.includes(':')).toBe(family === 'v6');
    expect(isProbeAddressOf(address, 'dev/another')).toBe(false);
  });
});
