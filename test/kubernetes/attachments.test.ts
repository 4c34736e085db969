/** Further interfaces of a pod: names, networks, what is asked for each, and what is refused. */
import { describe, expect, test } from '@jest/globals';
import { createNames } from '../../contrail/names.ts';
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import { assignmentForPod } from '../../kubernetes/assignment.ts';
import { meaningOf, type SlimAttachmentDefinition } from '../../kubernetes/attachment-definition.ts';
import { sharedNetworkOf } from '../../kubernetes/custom-network.ts';
import { furtherInterfaces, interfaceRequests } from '../../kubernetes/attachments.ts';

const names = createNames({ cluster: 'k8s', domain: 'default-domain' });
const OURS = '{"type":"opencontrail-cni"}';

function definition(
  namespace: string,
  name: string,
  annotations: Readonly<Record<string, string>>,
  config = OURS,
): SlimAttachmentDefinition {
  return { namespace, name, uid: name, annotations, config };
}

const DEFINITIONS = [
  definition('dev', 'storage', { [ANNOTATION.cidr]: '10.20.0.0/24' }),
  definition(
    'dev',
    'dual',
    { [ANNOTATION.cidr]: '["10.21.0.0/24", "fd00:21::/64"]' },
    '{"plugins":[{"type":"contrail-k8s-cni"}]}',
  ),
  definition('dev', 'blue', {
    [ANNOTATION.network]: "{'domain': 'default-domain', 'project': 'k8s-dev', 'name': 'blue'}",
    [ANNOTATION.cidr]: '10.22.0.0/24',
  }),
  definition('dev', 'macvlan', {}, '{"type":"macvlan"}'),
  definition('dev', 'empty', {}),
  definition('dev', 'dev', { [ANNOTATION.cidr]: '10.23.0.0/24' }),
  definition('other', 'lake', { [ANNOTATION.cidr]: '10.20.0.0/24' }),
  definition('other', 'green', { [ANNOTATION.network]: 'green' }),
  definition('other', 'third', { [ANNOTATION.network]: 'third/net' }),
  definition('other', 'yours', { [ANNOTATION.network]: 'dev/blue' }),
  definition('dev', 'borrowed', { [ANNOTATION.network]: 'third/net' }),
  definition('dev', 'services', {
    [ANNOTATION.network]: '{"domain": "default-domain", "project": "k8s-dev", "name": "k8s-dev-service-network"}',
  }),
  definition('dev', 'operators', {
    [ANNOTATION.network]: '{"domain": "default-domain", "project": "wan", "name": "wan"}',
  }),
];
const context = {
  names,
  definitionOf: (namespace: string, name: string) =>
    DEFINITIONS.find((each) => each.namespace === namespace && each.name === name),
};

const interfacesFor = (text: string, more = {}) =>
  furtherInterfaces({ [ANNOTATION.networks]: text }, 'dev', { ...context, ...more });

describe('further interfaces', () => {
  test('are named by their place, or as asked for; a definition twice is two interfaces', () => {
    expect(interfacesFor('storage, dual@data, dev/storage')).toMatchObject({
      kind: 'interfaces',
      interfaces: [
        {
          name: 'net1',
          network: 'default-domain:k8s-dev:k8s-storage-pod-network',
          from: 'pod',
          attachment: 'dev/storage',
        },
        { name: 'data', network: 'default-domain:k8s-dev:k8s-dual-pod-network', from: 'pod', attachment: 'dev/dual' },
        {
          name: 'net3',
          network: 'default-domain:k8s-dev:k8s-storage-pod-network',
          from: 'pod',
          attachment: 'dev/storage',
        },
      ],
    });
  });

  test('take a network that a definition names, which wins over its subnets', () => {
    expect(interfacesFor('[{"name":"blue"}]')).toMatchObject({
      interfaces: [{ network: 'default-domain:k8s-dev:blue' }],
    });
  });

  test.each([
    ['nosuch', 'names dev/nosuch, which is no NetworkAttachmentDefinition'],
    ['macvlan', 'of type "macvlan", which is not ours'],
    ['empty', 'stands for no network'],
    ['dev', 'called like its namespace'],
    ['services', "whose network is no user's"],
    ['storage@net2, storage', 'gives two interfaces the name "net2"'],
  ])('%s is refused by name, and nothing is left out', (text, problem) => {
    const verdict = interfacesFor(text);
    expect(verdict.kind === 'refused' ? verdict.problems.map((each) => each.problem).join() : '').toContain(problem);
  });

  test('are told apart where two have one name', () => {
    expect(interfacesFor('storage@net2, storage')).toMatchObject({
      kind: 'refused',
      problems: [{ mend: expect.stringMatching(/^give each interface its own name/) }],
    });
  });

  test.each([
    ['storage', []],
    ['operators', []],
    ['blue', []],
    ['other/lake', ['network-attachment-definitions other/lake']],
    ['other/green', ['network-attachment-definitions other/green']],
    ['other/yours', ['network-attachment-definitions other/yours']],
    ['borrowed', ['virtualnetworks third/net']],
    ['other/third', ['network-attachment-definitions other/third', 'virtualnetworks third/net']],
    ['storage, other/lake', ['network-attachment-definitions other/lake']],
  ])('%s takes the permission to use %j', (text, want) => {
    const verdict = interfacesFor(text);
    const uses = verdict.kind === 'interfaces' ? verdict.uses : [];
    expect(uses.map(({ resource, namespace, name }) => `${resource} ${namespace}/${name}`)).toEqual(want);
  });

  test('of another namespace are permitted by sharing the network that the definition names', () => {
    const verdict = interfacesFor('other/green');
    expect(verdict.kind === 'interfaces' ? verdict.uses.map(sharedNetworkOf) : []).toEqual([
      { namespace: 'other', name: 'green' },
    ]);
  });

  test('of other plugins are left to Multus where it is there, and ours keep their places', () => {
    expect(interfacesFor('macvlan, storage', { foreignElsewhere: true })).toMatchObject({
      interfaces: [{ name: 'net2', attachment: 'dev/storage' }],
    });
  });

  test('stand in the assignment after eth0', () => {
    const pod = { annotations: { [ANNOTATION.networks]: 'storage' } };
    const home = { name: 'dev', annotations: {} };
    const verdict = assignmentForPod(pod, home, { clusterName: 'k8s', defaultMode: 'cluster', ...context });
    expect(verdict).toMatchObject({
      kind: 'assigned',
      assignment: { interfaces: [{ name: 'eth0' }, { name: 'net1' }] },
    });
  });
});

test('requests are by interface; the default route is of the one that asks for it', () => {
  const requests = interfaceRequests({
    [ANNOTATION.ips]: '10.32.0.9',
    [ANNOTATION.networks]:
      '[{"name":"storage","ips":["10.20.0.5"],"mac":"02:00:00:00:00:AB","default-route":["10.20.0.254"]}]',
  });
  expect(Object.fromEntries(requests)).toEqual({
    eth0: { ips: ['10.32.0.9'], defaultRoute: false },
    net1: { ips: ['10.20.0.5'], mac: '02:00:00:00:00:ab', defaultRoute: true },
  });
});

test.each([
  ['no JSON', 'not json', { kind: 'foreign', type: '' }],
  ['a broken subnet', OURS, { kind: 'refused' }],
] as const)('a definition with %s has a meaning that says so', (_name, config, want) => {
  expect(
    meaningOf({ namespace: 'dev', name: 'x', config, annotations: { [ANNOTATION.cidr]: '10.20.0.0/99' } }),
  ).toMatchObject(want);
});
