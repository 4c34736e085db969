/** Joining Kubernetes' words to Contrail's: pods with their assignments and ports, Services with their endpoints. */
import { describe, expect, test } from '@jest/globals';
import type { SlimNamespace, SlimPod } from '../../kubernetes/objects.ts';
import { type SlimEndpointSlice, slimEndpointSlice } from '../../kubernetes/services.ts';
import { PLAIN_TRAFFIC } from '../../contrail/traffic.ts';
import { formatPorts } from '../../kubernetes/ports.ts';
import { TerminalError } from '../../runtime/errors.ts';
import { outdatedPodsMessage } from '../../workers/desired/outdated.ts';
import { isWantedPod, podSubject } from '../../workers/desired/pod.ts';
import { serviceInput } from '../../workers/desired/service.ts';
import { prefixLength } from '../../workers/pod-result.ts';
import type { WorkerService } from '../../workers/services.ts';
import { settings } from './settings-for-tests.ts';

const ISOLATION = { 'opencontrail.org/isolation': 'true' };
const namespace: SlimNamespace = { name: 'dev', uid: 'n', annotations: {}, labels: {} };
const isolated: SlimNamespace = { ...namespace, annotations: ISOLATION };
const pod: SlimPod = {
  namespace: 'dev',
  name: 'web',
  uid: '6d2c4a3e-0000-4000-8000-000000000001',
  nodeName: 'n1',
  hostNetwork: false,
  phase: 'Pending',
  annotations: {},
  labels: {},
};

function assignment(network: string): string {
  return JSON.stringify({ version: 1, mode: 'cluster', interfaces: [{ name: 'eth0', network, from: 'cluster' }] });
}

const CLUSTER_NETWORK = 'default-domain:k8s-default:k8s-default-pod-network';
const DEV_NETWORK = 'default-domain:k8s-dev:k8s-dev-pod-network';
const ports = formatPorts({
  uid: pod.uid,
  interfaces: [
    {
      name: 'eth0',
      vmi: 'v',
      network: CLUSTER_NETWORK,
      networkId: 'n',
      mac: '02:aa:00:00:00:01',
      ips: ['10.47.255.253/12'],
      gateway: '169.254.1.1',
      dns: ['10.96.0.10'],
      mtu: 0,
    },
  ],
});

describe('podSubject', () => {
  test('gives a pod what its assignment says', () => {
    const given = { ...pod, annotations: { 'opencontrail.org/assignment': assignment(DEV_NETWORK) } };
    const { interfaces } = podSubject({ pod: given, namespace: isolated }, settings);
    expect(interfaces).toMatchObject([
      { name: 'eth0', network: DEV_NETWORK.split(':'), label: 'default', addresses: [], isAllocated: false },
    ]);
  });

  test('decides itself for a pod that no webhook saw, and says so in the results', () => {
    const { interfaces, results } = podSubject({ pod, namespace: isolated }, settings);
    expect(interfaces[0]?.network.join(':')).toBe(DEV_NETWORK);
    expect(JSON.parse(results.assignment ?? '')).toMatchObject({ mode: 'namespace' });
  });

  test('refuses a forged assignment with the annotation, the value and the mend', () => {
    const forged = { ...pod, annotations: { 'opencontrail.org/assignment': assignment(CLUSTER_NETWORK) } };
    expect(() => podSubject({ pod: forged, namespace: isolated }, settings)).toThrow(TerminalError);
    expect(() => podSubject({ pod: forged, namespace: isolated }, settings)).toThrow(
      /opencontrail.org\/assignment.*k8s-default-pod-network.*re-create the pod/,
    );
  });

  test('refuses an assignment that is none', () => {
    const garbage = { ...pod, annotations: { 'opencontrail.org/assignment': 'everything' } };
    expect(() => podSubject({ pod: garbage, namespace }, settings)).toThrow(TerminalError);
  });

  test('keeps the ports of a pod whose namespace has become isolated since', () => {
    const running = { ...pod, annotations: { 'opencontrail.org/ports': ports } };
    const { interfaces } = podSubject({ pod: running, namespace: isolated }, settings);
    expect(interfaces).toMatchObject([
      {
        isAllocated: true,
        name: 'eth0',
        network: CLUSTER_NETWORK.split(':'),
        label: 'default',
        mac: '02:aa:00:00:00:01',
        addresses: ['10.47.255.253'],
      },
    ]);
  });

  test("takes no notice of a predecessor's ports", () => {
    const successor = { ...pod, uid: 'another', annotations: { 'opencontrail.org/ports': ports } };
    expect(podSubject({ pod: successor, namespace }, settings).interfaces[0]?.addresses).toEqual([]);
  });
});

describe('outdatedPodsMessage', () => {
  const running = { ...pod, phase: 'Running', annotations: { 'opencontrail.org/ports': ports } };

  test('names the pods that a change of mode left where they were', () => {
    expect(outdatedPodsMessage(isolated, [running], settings)).toMatch(/k8s-dev-pod-network.*re-created: web$/);
  });

  test.each([
    ['pods in the right place', namespace, running],
    ['pods without a port', isolated, pod],
    ['pods that have ended', isolated, { ...running, phase: 'Succeeded' }],
  ])('says nothing of %s', (_, home, one) => {
    expect(outdatedPodsMessage(home, [one], settings)).toBeUndefined();
  });
});

test.each([
  ['Pending', true],
  ['Running', true],
  ['Succeeded', false],
  ['Failed', false],
])('a pod that is %s is wanted: %s', (phase, want) => {
  expect(isWantedPod({ ...pod, phase })).toBe(want);
});

const service: WorkerService = {
  namespace: 'dev',
  name: 'web',
  uid: '6d2c4a3e-0000-4000-8000-000000000002',
  type: 'ClusterIP',
  clusterIPs: ['10.96.0.7'],
  ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
  annotations: {},
  labels: {},
  traffic: PLAIN_TRAFFIC,
};
const slice: SlimEndpointSlice = {
  namespace: 'dev',
  name: 'web-1',
  uid: 'e',
  service: 'web',
  addressType: 'IPv4',
  ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
  endpoints: [
    { addresses: ['10.47.0.2'], ready: true, nodeName: 'n1', pod: { namespace: 'dev', name: 'b', uid: pod.uid } },
    { addresses: ['10.47.0.1'], ready: false },
    { addresses: ['192.0.2.1'], ready: true, nodeName: 'n1', pod: { namespace: 'dev', name: 'h', uid: pod.uid } },
  ],
};

describe('serviceInput', () => {
  const subject = {
    service,
    namespace,
    slices: [slice],
    nodeIps: () => ['192.0.2.1'],
    podsIn: () => [],
    hasAppsLeft: () => false,
  };

  test('has the ready endpoints as backends, pods of the host network by address alone', () => {
    const backends = serviceInput(subject, settings)?.ports[0]?.backends;
    expect(backends?.map(({ address, port }) => [address, port])).toEqual([
      ['10.47.0.2', 8080],
      ['192.0.2.1', 8080],
    ]);
    expect(backends?.map(({ pod: behind }) => behind !== undefined)).toEqual([true, false]);
  });

  test("lies in the namespace's own service network where that is isolated", () => {
    const networks = [namespace, isolated].map(
      (home) => serviceInput({ ...subject, namespace: home }, settings)?.network,
    );
    expect(networks.map((network) => network?.at(-1))).toEqual([
      'k8s-default-service-network',
      'k8s-dev-service-network',
    ]);
  });

  test.each([
    ['headless', { clusterIPs: [] }],
    ['an ExternalName', { type: 'ExternalName' }],
    ['one that another proxy serves', { labels: { 'service.kubernetes.io/service-proxy-name': 'other' } }],
    ['one that is headless by its label', { labels: { 'service.kubernetes.io/headless': '' } }],
  ])('is nothing for %s', (_, change) => {
    expect(serviceInput({ ...subject, service: { ...service, ...change } }, settings)).toBeUndefined();
  });

  test.each(['service.kubernetes.io/service-proxy-name', 'service.kubernetes.io/headless'])(
    'has no backend of a slice with the label %s',
    (label) => {
      const metadata = { namespace: 'dev', name: 'web-1', uid: 'e', resourceVersion: '1' };
      const slices = [{}, { [label]: '' }].map((labels) =>
        slimEndpointSlice({ metadata: { ...metadata, labels }, endpoints: slice.endpoints, ports: slice.ports }),
      );
      expect(
        slices.map((each) => serviceInput({ ...subject, slices: [each] }, settings)?.ports[0]?.backends.length),
      ).toEqual([3, 0]);
    },
  );

  test('does not depend on the order in which slices came', () => {
    const other = { ...slice, name: 'web-2', endpoints: [{ addresses: ['10.47.0.9'], ready: true }] };
    const orders = [
      [slice, other],
      [other, slice],
    ].map((slices) => serviceInput({ ...subject, slices }, settings));
    expect(orders[0]).toEqual(orders[1]);
  });
});

test.each([
  ['10.47.255.253', 12],
  ['192.0.2.1', 32],
  ['fd00::1', 128],
])('the length of the subnet of %s is %i', (address, want) => {
  expect(prefixLength(address, settings.podSubnets)).toBe(want);
});
