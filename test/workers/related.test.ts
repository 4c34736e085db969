/** Which keys a change concerns. */
import { describe, expect, test } from '@jest/globals';
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import type { Holder } from '../../kubernetes/floating-ip.ts';
import type { SlimNamespace, SlimNode, SlimPod } from '../../kubernetes/objects.ts';
import type { SlimEndpointSlice } from '../../kubernetes/services.ts';
import type { SlimStatefulSet } from '../../kubernetes/stateful-set.ts';
import { formatPorts } from '../../kubernetes/ports.ts';
import type { SlimClusterPolicy } from '../../kubernetes/cluster-network-policy.ts';
import type { SlimNetworkPolicy } from '../../kubernetes/network-policy.ts';
import { relatedKeys, type SourceChange } from '../../workers/related.ts';
import { slimWorkerService } from '../../workers/services.ts';
import { ingresses } from '../proxy/objects.ts';

const pod: SlimPod = {
  namespace: 'a',
  name: 'web',
  uid: 'u',
  hostNetwork: false,
  phase: 'Pending',
  annotations: {},
  labels: {},
};
const bound: SlimPod = { ...pod, nodeName: 'n1' };

function withPorts(uid: string, ip = '10.32.0.7/12'): SlimPod {
  const port = { name: 'eth0', vmi: 'v', network: 'd:p:n', networkId: 'n', mac: 'm', ips: [ip], dns: [], mtu: 0 };
  return { ...bound, annotations: { 'opencontrail.org/ports': formatPorts({ uid, interfaces: [port] }) } };
}

const namespace: SlimNamespace = { name: 'a', uid: 'n', annotations: {}, labels: {} };
const isolated: SlimNamespace = { ...namespace, annotations: { 'opencontrail.org/isolation': 'true' } };
const node: SlimNode = { name: 'n1', uid: 'x', addresses: [], labels: {}, internalIPs: ['192.0.2.1'] };
const slice: SlimEndpointSlice = {
  namespace: 'a',
  name: 's-1',
  uid: 'e',
  service: 's',
  addressType: 'IPv4',
  ports: [],
  endpoints: [],
};
const set: SlimStatefulSet = { namespace: 'a', name: 'db', uid: 's', start: 0, replicas: 3, annotations: {}, kept: {} };
const view = {
  servicesOf: () => ['s', 't'],
  ingressKeys: (namespace = 'any') => [`Ingress/${namespace}/i`],
  podsIn: () => ['Pod/a/web'],
  podsOn: () => ['Pod/a/web', 'Pod/b/web'],
  mirroredTo: ({ name }: SlimPod) => (name === 'sensor' ? ['Pod/a/watched'] : []),
  networksOf: ({ annotations }: SlimPod) => (annotations['net'] ?? '').split(',').filter(Boolean),
  attachmentsOf: (network: string) => [`Network/${network}`, `VirtualNetwork/a/${network}`],
  appsIn: () => [],
  clusterKey: 'Cluster/k8s',
  poolKeys: () => ['FloatingIPPool/public'],
  usersOfPool: (pool: string) => [`FloatingIP/a/of-${pool}`],
  floatingIpsFor: ({ kind, labels }: Holder) =>
    kind === 'Pod' && labels['fip'] === 'yes' ? ['FloatingIP/a/entry'] : [],
  // Those of chains: chain-relations.test.ts.
  chainsOf: () => [],
  chainsSelecting: () => [],
  podsOfChain: () => [],
  connectionsThrough: () => [],
  connectionsBeside: () => [],
  connectionsOf: (network: string) => (network === 'blue' ? ['NetworkConnection/dev/blue-red'] : []),
  networkOf: (_namespace: string, name: string) => name,
  hasOutdated: () => false,
  labelsLeftBy: ({ labels }: Pick<SlimPod, 'labels'>) => ('app' in labels ? [`Label/app=${labels['app']}`] : []),
  policyKeysNaming: ({ namedPorts = [] }: SlimPod) => namedPorts.map(({ name }) => `NetworkPolicy/a/${name}`),
  policyKeysPlacing: ({ namedPorts = [] }: SlimPod) => namedPorts.map(({ name }) => `NetworkPolicy/a/${name}-there`),
  policyKeysNamingIn: () => ['NetworkPolicy/a/http'],
  podsOfClusterPolicy: ({ name }: SlimClusterPolicy) => [`Pod/a/of-${name}`],
  clusterPoliciesOfNodes: () => ['ClusterNetworkPolicy/of-nodes'],
  podsOfPolicy: ({ podSelector }: SlimNetworkPolicy) => [`Pod/a/${podSelector.matchLabels?.['app']}`],
};

const rows: readonly { readonly name: string; readonly given: SourceChange; readonly want: readonly string[] }[] = [
  {
    name: 'a pod without a node concerns nobody yet',
    given: { source: 'Pod', change: { kind: 'put', object: pod } },
    want: [],
  },
  {
    name: 'a bound pod concerns itself',
    given: { source: 'Pod', change: { kind: 'put', object: { ...pod, nodeName: 'n1' } } },
    want: ['Pod/a/web'],
  },
  {
    name: 'a pod that is gone concerns itself, bound or not',
    given: { source: 'Pod', change: { kind: 'delete', object: pod } },
    want: ['Pod/a/web'],
  },
  {
    name: 'a pod that is gone concerns its labels, which nobody may carry any more',
    given: { source: 'Pod', change: { kind: 'delete', object: { ...bound, labels: { app: 'web' } } } },
    want: ['Pod/a/web', 'Label/app=web'],
  },
  {
    name: 'a pod of other labels concerns those that it had',
    given: {
      source: 'Pod',
      change: {
        kind: 'put',
        object: { ...bound, labels: { app: 'db' } },
        previous: { ...bound, labels: { app: 'web' } },
      },
    },
    want: ['Pod/a/web', 'Label/app=web'],
  },
  {
    name: 'a namespace that is gone concerns its labels, too',
    given: { source: 'Namespace', change: { kind: 'delete', object: { ...namespace, labels: { app: 'web' } } } },
    want: ['Namespace/a', 'NetworkIds/a', 'Label/app=web'],
  },
  {
    name: 'a pod of an app that is gone before it was assigned concerns the app',
    given: { source: 'Pod', change: { kind: 'delete', object: { ...bound, labels: { [ANNOTATION.name]: 'shop' } } } },
    want: ['Pod/a/web', 'App/a/shop'],
  },
  {
    name: 'a pod that starts to run concerns nobody',
    given: { source: 'Pod', change: { kind: 'put', object: { ...bound, phase: 'Running' }, previous: bound } },
    want: [],
  },
  {
    name: 'a pod that has ended concerns itself: its address is free',
    given: { source: 'Pod', change: { kind: 'put', object: { ...bound, phase: 'Failed' }, previous: bound } },
    want: ['Pod/a/web'],
  },
  {
    name: 'the ports that we have just written concern nobody',
    given: { source: 'Pod', change: { kind: 'put', object: withPorts('u'), previous: bound } },
    want: [],
  },
  {
    name: 'the ports of an analyzer concern the pods whose traffic is copied to it',
    given: {
      source: 'Pod',
      change: { kind: 'put', object: { ...withPorts('u'), name: 'sensor' }, previous: { ...bound, name: 'sensor' } },
    },
    want: ['Pod/a/watched'],
  },
  {
    name: 'an analyzer that is gone concerns them, too',
    given: { source: 'Pod', change: { kind: 'delete', object: { ...bound, name: 'sensor' } } },
    want: ['Pod/a/sensor', 'Pod/a/watched'],
  },
  {
    name: 'ports that somebody changes concern the pod',
    given: {
      source: 'Pod',
      change: { kind: 'put', object: withPorts('u', '10.32.0.66/12'), previous: withPorts('u') },
    },
    want: ['Pod/a/web'],
  },
  {
    name: "ports with another pod's UID concern the pod",
    given: { source: 'Pod', change: { kind: 'put', object: withPorts('other'), previous: bound } },
    want: ['Pod/a/web'],
  },
  {
    name: 'new labels concern the pod',
    given: { source: 'Pod', change: { kind: 'put', object: { ...bound, labels: { a: 'b' } }, previous: bound } },
    want: ['Pod/a/web'],
  },
  {
    name: 'a pod that enters a network of a user concerns what is attached to it',
    given: { source: 'Pod', change: { kind: 'put', object: { ...pod, annotations: { net: 'blue' } }, previous: pod } },
    want: ['Network/blue', 'VirtualNetwork/a/blue'],
  },
  {
    name: 'a pod that lists other Services concerns what its app may use',
    given: {
      source: 'Pod',
      change: {
        kind: 'put',
        object: { ...bound, annotations: { net: 'blue', 'opencontrail.org/services': 'db' } },
        previous: { ...bound, annotations: { net: 'blue' } },
      },
    },
    want: ['Pod/a/web', 'Network/blue', 'VirtualNetwork/a/blue'],
  },
  {
    name: 'a pod that leaves a network of a user concerns what is attached to it',
    given: { source: 'Pod', change: { kind: 'delete', object: { ...pod, annotations: { net: 'blue' } } } },
    want: ['Pod/a/web', 'Network/blue', 'VirtualNetwork/a/blue'],
  },
  {
    name: 'a new namespace concerns itself',
    given: { source: 'Namespace', change: { kind: 'put', object: namespace } },
    want: ['Namespace/a', 'NetworkIds/a'],
  },
  {
    name: 'a namespace that becomes isolated concerns its services and pods too',
    given: { source: 'Namespace', change: { kind: 'put', object: isolated, previous: namespace } },
    want: ['Namespace/a', 'NetworkIds/a', 'Service/a/s', 'Service/a/t', 'Pod/a/web'],
  },
  {
    name: "the default namespace's annotations are the cluster's network's",
    given: {
      source: 'Namespace',
      change: {
        kind: 'put',
        object: { ...namespace, name: 'default', annotations: { 'opencontrail.org/ip_fabric_snat': 'true' } },
        previous: { ...namespace, name: 'default' },
      },
    },
    want: [
      'Namespace/default',
      'NetworkIds/default',
      'Cluster/k8s',
      'Service/default/s',
      'Service/default/t',
      'Pod/a/web',
    ],
  },
  {
    name: 'a node that appears concerns its pods: its router is new',
    given: { source: 'Node', change: { kind: 'put', object: node } },
    want: ['Node/n1', 'Pod/a/web', 'Pod/b/web', 'ClusterNetworkPolicy/of-nodes'],
  },
  {
    name: 'a node that changes concerns itself, and the policies that speak of nodes',
    given: { source: 'Node', change: { kind: 'put', object: node, previous: node } },
    want: ['Node/n1', 'ClusterNetworkPolicy/of-nodes'],
  },
  {
    name: 'a node that has other addresses concerns the pools, which give them to nobody',
    given: { source: 'Node', change: { kind: 'put', object: { ...node, addresses: ['192.0.2.1'] }, previous: node } },
    want: ['Node/n1', 'FloatingIPPool/public', 'ClusterNetworkPolicy/of-nodes'],
  },
  {
    name: 'and so does one that goes',
    given: { source: 'Node', change: { kind: 'delete', object: { ...node, addresses: ['192.0.2.1'] } } },
    want: ['Node/n1', 'FloatingIPPool/public', 'ClusterNetworkPolicy/of-nodes'],
  },
  {
    name: 'a slice concerns its Service',
    given: { source: 'EndpointSlice', change: { kind: 'put', object: slice } },
    want: ['Service/a/s'],
  },
  {
    name: 'a slice that changes hands concerns both Services',
    given: { source: 'EndpointSlice', change: { kind: 'put', object: slice, previous: { ...slice, service: 't' } } },
    want: ['Service/a/s', 'Service/a/t'],
  },
  {
    name: 'a StatefulSet that shrinks, from whichever end, concerns the pods whose addresses it kept',
    given: {
      source: 'StatefulSet',
      change: { kind: 'put', object: { ...set, start: 1, replicas: 1 }, previous: set },
    },
    want: ['Pod/a/db-0', 'Pod/a/db-2'],
  },
  {
    name: 'a StatefulSet that is being deleted concerns all of them',
    given: {
      source: 'StatefulSet',
      change: { kind: 'put', object: { ...set, deletionTimestamp: 'now' }, previous: set },
    },
    want: ['Pod/a/db-0', 'Pod/a/db-1', 'Pod/a/db-2'],
  },
  {
    name: 'a StatefulSet that grows or appears concerns nobody: its pods come by themselves',
    given: { source: 'StatefulSet', change: { kind: 'put', object: { ...set, replicas: 9 }, previous: set } },
    want: [],
  },
];

const policy = (app: string): SlimNetworkPolicy => ({
  namespace: 'a',
  name: 'np',
  uid: 'u',
  podSelector: { matchLabels: { app } },
  ingress: [],
});
const policyRows: typeof rows = [
  {
    name: 'a new policy concerns the pods that it speaks of',
    given: { source: 'NetworkPolicy', change: { kind: 'put', object: policy('new') } },
    want: ['NetworkPolicy/a/np', 'Pod/a/new'],
  },
  {
    name: 'a changed policy concerns the pods that it spoke of, too',
    given: { source: 'NetworkPolicy', change: { kind: 'put', object: policy('new'), previous: policy('old') } },
    want: ['NetworkPolicy/a/np', 'Pod/a/old', 'Pod/a/new'],
  },
  {
    name: 'a policy on which its problems are written concerns nobody else',
    given: {
      source: 'NetworkPolicy',
      change: { kind: 'put', object: { ...policy('same'), status: '{}' }, previous: policy('same') },
    },
    want: ['NetworkPolicy/a/np'],
  },
  {
    name: 'a policy that is gone concerns the pods that it spoke of',
    given: { source: 'NetworkPolicy', change: { kind: 'delete', object: policy('old') } },
    want: ['NetworkPolicy/a/np', 'Pod/a/old'],
  },
  {
    name: 'a pod whose ports have names concerns the policies that name them, first',
    given: {
      source: 'Pod',
      change: { kind: 'put', object: { ...bound, namedPorts: [{ name: 'http', protocol: 'TCP', number: 80 }] } },
    },
    want: ['NetworkPolicy/a/http', 'Pod/a/web'],
  },
  {
    name: 'a pod that gets its ports concerns the floating IPs that it holds',
    given: {
      source: 'Pod',
      change: {
        kind: 'put',
        object: { ...withPorts('u'), labels: { fip: 'yes' } },
        previous: { ...bound, labels: { fip: 'yes' } },
      },
    },
    want: ['FloatingIP/a/entry'],
  },
  {
    name: 'a pod that gets its addresses concerns the policies that name its ports for a block',
    given: {
      source: 'Pod',
      change: {
        kind: 'put',
        object: { ...withPorts('u'), namedPorts: [{ name: 'http', protocol: 'TCP', number: 80 }] },
        previous: { ...bound, namedPorts: [{ name: 'http', protocol: 'TCP', number: 80 }] },
      },
    },
    want: ['NetworkPolicy/a/http-there'],
  },
  {
    name: 'labels of a namespace say which policies mean its pods',
    given: {
      source: 'Namespace',
      change: { kind: 'put', object: { ...namespace, labels: { team: 'x' } }, previous: namespace },
    },
    want: ['Namespace/a', 'NetworkIds/a', 'NetworkPolicy/a/http', 'Pod/a/web'],
  },
  {
    name: 'further addresses for Services concern the cluster',
    given: {
      source: 'ServiceCIDR',
      change: { kind: 'put', object: { name: 'more', uid: 'r', cidrs: ['203.0.113.0/24'] } },
    },
    want: ['Cluster/k8s'],
  },
];

describe('Ingresses', () => {
  const [ingress] = ingresses({ namespace: 'a', name: 'web' });
  const service = { ...slimWorkerService({ metadata: { namespace: 'a', name: 's', uid: 'u', resourceVersion: '1' } }) };
  const classOfOurs = { name: 'opencontrail', uid: 'c', controller: 'opencontrail.org/ingress' };

  test.each<[string, SourceChange, readonly string[]]>([
    ['an Ingress', { source: 'Ingress', change: { kind: 'put', object: ingress! } }, ['Ingress/a/web']],
    ['a Service', { source: 'Service', change: { kind: 'put', object: service } }, ['Service/a/s', 'Ingress/a/i']],
    ['a class', { source: 'IngressClass', change: { kind: 'delete', object: classOfOurs } }, ['Ingress/any/i']],
  ])('%s', (_what, given, want) => {
    expect(relatedKeys(given, view)).toEqual(want);
  });
});

describe('relatedKeys', () => {
  test.each(policyRows)('$name', ({ given, want }) => {
    expect(relatedKeys(given, view)).toEqual(want);
  });

  test.each(rows)('$name', ({ given, want }) => {
    expect(relatedKeys(given, view)).toEqual(want);
  });
});
