/** Static addresses at admission: out of range, taken, and by whom. */
import { describe, expect, test } from '@jest/globals';
import { createNames } from '../../contrail/names.ts';
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import { assignmentForPod } from '../../kubernetes/assignment.ts';
import { addressHolder, createAddressBook } from '../../webhooks/address-book.ts';
import { addressProblems } from '../../webhooks/handlers/addresses.ts';

const definition = {
  namespace: 'dev',
  name: 'storage',
  uid: 's',
  annotations: { [ANNOTATION.cidr]: '10.20.0.0/24' },
  config: '{"type":"opencontrail-cni"}',
};
const context = {
  clusterName: 'k8s',
  defaultMode: 'cluster' as const,
  names: createNames({ cluster: 'k8s', domain: 'd' }),
  definitionOf: (_namespace: string, name: string) => (name === 'storage' ? definition : undefined),
};
const STORAGE = 'd:k8s-dev:k8s-storage-pod-network';

function podHolding(name: string, ports: readonly object[], more: object = {}) {
  const annotations = { [ANNOTATION.ports]: JSON.stringify({ version: 1, uid: name, interfaces: ports }) };
  return addressHolder({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'dev', name, uid: name, resourceVersion: '1', annotations, ...more },
  });
}

const port = (network: string, ip: string, attachment?: string) => ({
  name: 'x',
  vmi: 'v',
  network,
  networkId: 'n',
  mac: '02:00:00:00:00:AA',
  ips: [ip],
  attachment,
});

const subnetsOf = (network: string) => (network === 'd:k8s-dev:blue' ? ['10.70.0.0/24'] : undefined);

function problemsOf(annotations: Readonly<Record<string, string>>): string {
  const book = createAddressBook();
  const holders = [
    podHolding('flat', [port('d:k8s-x:k8s-x-pod-network', '10.32.0.7/12')]),
    podHolding('stored', [port(STORAGE, '10.20.0.7/24', 'dev/storage')]),
    podHolding('elsewhere', [port('d:k8s-other:k8s-storage-pod-network', '10.20.0.8/24', 'other/storage')]),
  ];
  for (const object of holders) if (object !== undefined) book.take({ kind: 'put', object });
  const verdict = assignmentForPod({ annotations }, { name: 'dev', annotations: {} }, context);
  if (verdict.kind === 'refused') throw new Error('refused before');
  const view = { context, subnetsOf, namespace: undefined, podCidrs: ['10.32.0.0/12'], holderOf: book.holderOf };
  return addressProblems(annotations, verdict.assignment, view)
    .map(({ problem }) => problem)
    .join();
}

const further = (ips: string) => ({ [ANNOTATION.networks]: `[{"name":"storage","ips":["${ips}"]}]` });

describe('a static address', () => {
  test.each([
    ['free, in the flat space', { [ANNOTATION.ips]: '10.32.0.9' }, ''],
    ['out of range', { [ANNOTATION.ips]: '192.0.2.1' }, '192.0.2.1, which is not in 10.32.0.0/12'],
    ['held in another flat network', { [ANNOTATION.ips]: '10.32.0.7' }, 'which pod dev/flat holds'],
    ['free on a further interface', further('10.20.0.9'), ''],
    ['out of the range of a definition', further('10.21.0.9'), '10.21.0.9, which is not in 10.20.0.0/24'],
    ['held on a further interface', further('10.20.0.7'), 'which pod dev/stored holds'],
    ['held in another network of the same addresses', further('10.20.0.8'), ''],
    ['of a VirtualNetwork, free', { [ANNOTATION.network]: 'blue', [ANNOTATION.ips]: '10.70.0.9' }, ''],
    [
      'out of the range of a VirtualNetwork',
      { [ANNOTATION.network]: 'blue', [ANNOTATION.ips]: '10.71.0.9' },
      '10.71.0.9, which is not in 10.70.0.0/24',
    ],
    ['of Ethernet, free', { [ANNOTATION.mac]: '02:00:00:00:00:0a' }, ''],
    [
      'of Ethernet, held on a further interface of the same network',
      { [ANNOTATION.networks]: '[{"name":"storage","mac":"02:00:00:00:00:aa"}]' },
      '02:00:00:00:00:aa, which pod dev/stored holds',
    ],
    ['of Ethernet, held in another network', { [ANNOTATION.mac]: '02:00:00:00:00:aa' }, ''],
  ])('%s', (_name, annotations, want) => {
    const problems = problemsOf(annotations);
    if (want === '') expect(problems).toBe('');
    else expect(problems).toContain(want);
  });

  test('of a pod on its way out is not held against its successor', () => {
    expect(podHolding('leaving', [port(STORAGE, '10.20.0.7/24')], { deletionTimestamp: 'now' })).toBeUndefined();
  });

  test('that a pod has given back is free again', () => {
    const book = createAddressBook();
    const object = podHolding('stored', [port(STORAGE, '10.20.0.7/24', 'dev/storage')])!;
    book.take({ kind: 'put', object });
    expect(book.holderOf(STORAGE, '10.20.0.7', false)).toBe('dev/stored');
    book.take({ kind: 'delete', object });
    expect(book.holderOf(STORAGE, '10.20.0.7', false)).toBeUndefined();
  });
});
