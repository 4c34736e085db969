/** Which Services isolated apps may use, and where these are. */
import { describe, expect, test } from '@jest/globals';
import { PLAIN_TRAFFIC } from '../../contrail/traffic.ts';
import { desiredApp } from '../../contrail/desired/app.ts';
import { desiredService } from '../../contrail/desired/service.ts';
import type { SlimNamespace, SlimPod } from '../../kubernetes/objects.ts';
import { servicesForApp } from '../../workers/apps.ts';
import { serviceInput } from '../../workers/desired/service.ts';
import { appOfNetwork } from '../../workers/pod-networks.ts';
import type { WorkerService } from '../../workers/services.ts';
import { settings } from './settings-for-tests.ts';

const SERVICES = 'opencontrail.org/services';
const pod: SlimPod = {
  namespace: 'dev',
  name: 'web',
  uid: 'u',
  hostNetwork: false,
  phase: 'Running',
  annotations: {},
  labels: {},
};
const service = (name: string, app?: string): WorkerService => ({
  namespace: 'dev',
  name,
  uid: `uid-of-${name}`,
  type: 'ClusterIP',
  clusterIPs: ['10.96.0.77'],
  ports: [],
  annotations: {},
  labels: {},
  traffic: PLAIN_TRAFFIC,
  ...(app === undefined ? {} : { app }),
});
const all = [
  service('web', 'web'),
  service('db', 'db'),
  service('db-admin', 'db'),
  service('loose'),
  service('cache', 'cache'),
];

describe('servicesForApp', () => {
  test.each([
    { name: 'its own and nothing else', pods: [pod], want: ['web'] },
    {
      name: 'an app that a pod lists means all of its Services',
      pods: [{ ...pod, annotations: { [SERVICES]: '["db"]' } }],
      want: ['db', 'db-admin', 'web'],
    },
    {
      name: 'a Service by its name',
      pods: [{ ...pod, annotations: { [SERVICES]: 'db-admin, loose' } }],
      want: ['db-admin', 'loose', 'web'],
    },
    {
      name: 'what any pod of the app lists, a label too',
      pods: [pod, { ...pod, name: 'two', labels: { [SERVICES]: 'cache' } }],
      want: ['cache', 'web'],
    },
    {
      name: 'nothing for a list that cannot be read',
      pods: [{ ...pod, annotations: { [SERVICES]: '[oops' } }],
      want: ['web'],
    },
  ])('$name', ({ pods, want }) => expect(servicesForApp('web', pods, all)).toEqual(want));

  test('headless Services have no address to admit to', () => {
    expect(servicesForApp('web', [pod], [{ ...service('web', 'web'), clusterIPs: [] }])).toEqual([]);
  });
});

describe('a Service where apps are isolated', () => {
  const namespace: SlimNamespace = {
    name: 'dev',
    uid: 'n',
    annotations: { 'opencontrail.org/isolation': 'app' },
    labels: {},
  };
  const POD_NETWORK = settings.names.podNetwork('dev').join(':');
  const CLUSTER_NETWORK = settings.names.clusterPodNetwork.join(':');
  const inputFor = (of: WorkerService, left: Readonly<Record<string, readonly SlimPod[]>> = {}) =>
    serviceInput(
      {
        service: of,
        namespace,
        slices: [],
        nodeIps: () => [],
        podsIn: (network) => left[network] ?? [],
        hasAppsLeft: () => false,
      },
      settings,
    );
  const admittedOf = (of: WorkerService, left?: Readonly<Record<string, readonly SlimPod[]>>) =>
    inputFor(of, left)?.admission?.networks.map((network) => network.join(':'));

  test('has a network of its own, and a policy that admits to it alone', () => {
    const input = inputFor(service('db', 'db'));
    const objects = input === undefined ? [] : desiredService(input, settings);
    const network = 'default-domain:k8s-dev:k8s-dev-db-app-service-network';
    const policy = 'default-domain:k8s-dev:k8s-dev-db-app-service-np';
    expect(objects.slice(0, 2)).toMatchObject([
      {
        type: 'network-policy',
        network_policy_entries: {
          policy_rule: [{ src_addresses: [{ network_policy: policy }], dst_addresses: [{ virtual_network: network }] }],
        },
      },
      { type: 'virtual-network', fq_name: network.split(':') },
    ]);
  });

  test.each([
    { name: "an app's is open to apps alone", of: service('db', 'db'), left: {}, want: [] },
    { name: "one without an app is the namespace's", of: service('loose'), left: {}, want: [POD_NETWORK] },
    {
      name: 'pods left in the cluster keep it',
      of: service('db', 'db'),
      left: { [CLUSTER_NETWORK]: [pod] },
      want: [CLUSTER_NETWORK],
    },
    {
      name: "pods of an app left in the namespace's network keep it",
      of: service('db', 'db'),
      left: { [POD_NETWORK]: [{ ...pod, labels: { 'opencontrail.org/name': 'web' } }] },
      want: [POD_NETWORK],
    },
  ])('$name', ({ of, left, want }) => expect(admittedOf(of, left)).toEqual(want));

  test('the DNS of the cluster is in a network that everybody reaches', () => {
    const dns = { ...service('dns'), clusterIPs: [...settings.dns] };
    expect(inputFor(dns)?.network).toEqual(settings.names.systemServiceNetwork);
  });
});

test("an app's network is told by its name, and carries the policies of its Services", () => {
  const policies = [settings.names.appServicePolicy('dev', 'db')];
  const [network, reference] = desiredApp(
    { namespace: 'dev', app: 'web', policies, snat: false, forwarding: false },
    settings,
  );
  expect(appOfNetwork(network?.fq_name.join(':') ?? '', 'dev', settings.names)).toBe('web');
  expect(appOfNetwork(settings.names.podNetwork('dev').join(':'), 'dev', settings.names)).toBeUndefined();
  expect(reference).toMatchObject({ from: { uuid: network?.uuid }, to: { fq_name: policies[0] } });
});
