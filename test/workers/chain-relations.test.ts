/** Which keys a change concerns for the sake of service chains. */
import { describe, expect, test } from '@jest/globals';
import type { SlimNetworkConnection } from '../../kubernetes/network-connection.ts';
import type { SlimPod } from '../../kubernetes/objects.ts';
import { formatPorts } from '../../kubernetes/ports.ts';
import type { SlimServiceChain } from '../../kubernetes/service-chain.ts';
import { chainKeysOfPod, connectionKeys, serviceChainKeys } from '../../workers/chain-relations.ts';

const port = { name: 'eth0', vmi: 'v', network: 'd:p:n', networkId: 'n', mac: 'm', dns: [], mtu: 0 };
const ports = (ip: string) => ({
  'opencontrail.org/ports': formatPorts({ uid: 'u', interfaces: [{ ...port, ips: [ip] }] }),
});
const pod: SlimPod = {
  namespace: 'a',
  name: 'fw-0',
  uid: 'u',
  nodeName: 'n1',
  hostNetwork: false,
  phase: 'Running',
  annotations: ports('10.32.0.7/12'),
  labels: { app: 'firewall' },
};
const chain: SlimServiceChain = {
  namespace: 'a',
  name: 'inspect',
  uid: 'c',
  generation: 2,
  created: '2026-01-01T00:00:00Z',
  left: { kind: 'VirtualNetwork', name: 'blue' },
  right: { kind: 'VirtualNetwork', name: 'green' },
  services: [{ name: 'fw', kind: 'InNetwork', selector: {}, whenEmpty: 'Block' }],
  status: undefined,
};
const connection: SlimNetworkConnection = {
  namespace: 'a',
  name: 'led',
  uid: 'n',
  generation: 2,
  created: '2026-01-01T00:00:00Z',
  networks: [],
  ports: [],
  requester: undefined,
  status: undefined,
};
const view = {
  chainsOf: () => [chain, { ...chain, name: 'other' }],
  chainsSelecting: ({ labels }: SlimPod) => (labels['app'] === 'firewall' ? [chain] : []),
  podsOfChain: ({ services }: SlimServiceChain) => services.map(({ name }) => `Pod/a/${name}`),
  connectionsThrough: (namespace: string, name: string) => [`NetworkConnection/${namespace}/through-${name}`],
  connectionsBeside: ({ name }: SlimNetworkConnection) => [`NetworkConnection/b/beside-${name}`],
};
const WORKS = ['ServiceChain/a/inspect', 'Pod/a/fw-0', 'NetworkConnection/a/through-inspect'];

describe('a pod of a service concerns the chain, itself, and the connections through the chain', () => {
  test.each<[string, SlimPod | undefined, SlimPod]>([
    ['when it appears', undefined, pod],
    ['when it becomes Ready', pod, { ...pod, isReady: true }],
    ['when it is Ready no longer', { ...pod, isReady: true }, pod],
    ['when it gets its interfaces', { ...pod, annotations: {} }, pod],
    ['when it is given other labels', pod, { ...pod, labels: {} }],
    ['when it is another of its name', { ...pod, uid: 'before' }, pod],
  ])('%s', (_when, previous, object) => {
    const change = { kind: 'put', object, ...(previous === undefined ? {} : { previous }) } as const;
    expect(chainKeysOfPod(change, view)).toEqual(WORKS);
  });

  test('when it goes', () => {
    expect(chainKeysOfPod({ kind: 'delete', object: pod }, view)).toEqual(WORKS);
  });
});

test('a pod of no service, and a change that is not about its work, concern no chain', () => {
  const [client, ready] = [{ ...pod, labels: {} }, { isReady: true }] as const;
  expect(chainKeysOfPod({ kind: 'put', object: { ...client, ...ready }, previous: client }, view)).toEqual([]);
  expect(chainKeysOfPod({ kind: 'put', object: { ...pod, phase: 'Pending' }, previous: pod }, view)).toEqual([]);
});

test('a chain concerns the pods that it selects and selected, other chains that these may work for, and the connections of all', () => {
  const previous = { ...chain, generation: 1, services: [{ ...chain.services[0]!, name: 'old' }] };
  expect(serviceChainKeys({ kind: 'put', object: chain, previous }, view)).toEqual([
    'ServiceChain/a/inspect',
    'ServiceChain/a/other',
    'Pod/a/old',
    'Pod/a/fw',
    'NetworkConnection/a/through-inspect',
    'NetworkConnection/a/through-other',
  ]);
});

test('what workers write of a chain concerns nobody', () => {
  expect(serviceChainKeys({ kind: 'put', object: { ...chain, status: {} }, previous: chain }, view)).toEqual([]);
});

test('a connection that leads through a chain, or did, concerns those beside it', () => {
  const chained = { ...connection, through: 'inspect' };
  const both = ['NetworkConnection/a/led', 'NetworkConnection/b/beside-led'];
  expect(connectionKeys({ kind: 'put', object: chained }, view)).toEqual(both);
  const previous = { ...chained, generation: 1 };
  expect(connectionKeys({ kind: 'put', object: connection, previous }, view)).toEqual(both);
  expect(connectionKeys({ kind: 'delete', object: chained }, view)).toEqual(both);
  expect(connectionKeys({ kind: 'put', object: connection }, view)).toEqual(['NetworkConnection/a/led']);
  expect(connectionKeys({ kind: 'put', object: chained, previous: chained }, view)).toEqual([
    'NetworkConnection/a/led',
  ]);
});
