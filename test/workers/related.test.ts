/** Which keys a change concerns. */
import { describe, expect, test } from '@jest/globals';
import type { SlimEndpointSlice, SlimNamespace, SlimNode, SlimPod } from '../../kubernetes/objects.ts';
import { formatPorts } from '../../kubernetes/ports.ts';
import { relatedKeys, type SourceChange } from '../../workers/related.ts';

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
const node: SlimNode = { name: 'n1', uid: 'x', internalIPs: ['192.0.2.1'] };
const slice: SlimEndpointSlice = {
  namespace: 'a',
  name: 's-1',
  uid: 'e',
  service: 's',
  addressType: 'IPv4',
  ports: [],
  endpoints: [],
};
const view = {
  servicesOf: () => ['s', 't'],
  podsIn: () => ['Pod/a/web'],
  podsOn: () => ['Pod/a/web', 'Pod/b/web'],
  networksOf: ({ annotations }: SlimPod) => (annotations['net'] ?? '').split(',').filter(Boolean),
  attachmentsOf: (network: string) => [`Network/${network}`, `VirtualNetwork/a/${network}`],
  appsIn: () => [],
  hasOutdated: () => false,
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
    name: 'a pod that leaves a network of a user concerns what is attached to it',
    given: { source: 'Pod', change: { kind: 'delete', object: { ...pod, annotations: { net: 'blue' } } } },
    want: ['Pod/a/web', 'Network/blue', 'VirtualNetwork/a/blue'],
  },
  {
    name: 'a new namespace concerns itself',
    given: { source: 'Namespace', change: { kind: 'put', object: namespace } },
    want: ['Namespace/a'],
  },
  {
    name: 'a namespace that becomes isolated concerns its services and pods too',
    given: { source: 'Namespace', change: { kind: 'put', object: isolated, previous: namespace } },
    want: ['Namespace/a', 'Service/a/s', 'Service/a/t', 'Pod/a/web'],
  },
  {
    name: 'a node that appears concerns its pods: its router is new',
    given: { source: 'Node', change: { kind: 'put', object: node } },
    want: ['Node/n1', 'Pod/a/web', 'Pod/b/web'],
  },
  {
    name: 'a node that changes concerns itself',
    given: { source: 'Node', change: { kind: 'put', object: node, previous: node } },
    want: ['Node/n1'],
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
];

describe('relatedKeys', () => {
  test.each(rows)('$name', ({ given, want }) => {
    expect(relatedKeys(given, view)).toEqual(want);
  });
});
