/** The flags of a namespace and of a definition, on the networks that they speak of. */
import { describe, expect, test } from '@jest/globals';
import { desiredNamespace } from '../../contrail/desired/namespace.ts';
import { desiredAttachment } from '../../contrail/desired/attachment.ts';
import type { ContrailObject, VirtualNetwork } from '../../contrail/objects.ts';
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import { changedFields } from '../../contrail/difference.ts';
import { attachmentInput } from '../../workers/desired/attachment.ts';
import { namespaceStatus } from '../../workers/desired/namespace-status.ts';
import { namespaceInput } from '../../workers/desired/namespace.ts';
import { sharedAddresses } from '../../workers/forwarded-subnets.ts';
import { settings } from './settings-for-tests.ts';

type Texts = Readonly<Record<string, string>>;

function namespaceNetworks(annotations: Texts): readonly ContrailObject[] {
  const isolated = { [ANNOTATION.isolation]: 'true', ...annotations };
  const input = namespaceInput({ name: 'dev', uid: 'u', annotations: isolated, labels: {} }, false, settings);
  return desiredNamespace(input, settings).filter(({ type }) => type === 'virtual-network');
}

function definitionNetworks(annotations: Texts): readonly ContrailObject[] {
  const own = { [ANNOTATION.cidr]: '10.20.0.0/24', ...annotations };
  const definition = {
    namespace: 'dev',
    name: 'net',
    uid: 'u',
    annotations: own,
    config: '{"type":"opencontrail-cni"}',
  };
  const input = attachmentInput(definition, settings);
  return desiredAttachment(input!, settings).filter(({ type }) => type === 'virtual-network');
}

const FABRIC = [{ to: ['default-domain', 'default-project', 'ip-fabric'] }];

describe.each([
  ["a namespace's own network", namespaceNetworks],
  ["a definition's network", definitionNetworks],
])('%s', (_title, networksOf) => {
  test.each<readonly [Texts, boolean, unknown]>([
    [{}, false, []],
    [{ [ANNOTATION.snat]: 'True' }, true, []],
    [{ [ANNOTATION.snat]: 'false' }, false, []],
    [{ [ANNOTATION.forwarding]: 'true' }, false, FABRIC],
    // Forwarding has precedence (facts 2.1).
    [{ [ANNOTATION.forwarding]: 'true', [ANNOTATION.snat]: 'true' }, false, FABRIC],
  ])('with %j', (annotations, snat, references) => {
    expect(networksOf(annotations)[0]).toMatchObject({ fabric_snat: snat, virtual_network_refs: references });
  });

  test('loses a flag that is taken back, on a running cluster', () => {
    const [before] = networksOf({ [ANNOTATION.forwarding]: 'true' });
    const [after] = networksOf({ [ANNOTATION.snat]: 'true' });
    expect(changedFields(after!, before!)).toEqual({ fabric_snat: true, virtual_network_refs: [] });
    expect(changedFields(before!, after!)).toEqual({ fabric_snat: false, virtual_network_refs: FABRIC });
  });
});

test.each<readonly [Texts, boolean, unknown]>([
  [{}, false, FABRIC],
  [{ [ANNOTATION.forwarding]: 'false' }, true, []],
  [{ [ANNOTATION.forwarding]: 'false', [ANNOTATION.snat]: 'false' }, false, []],
])(
  'where the cluster has both flags, a namespace with %j keeps what it does not say',
  (annotations, snat, references) => {
    const own = { [ANNOTATION.isolation]: 'true', ...annotations };
    const usual = { ...settings, fabric: { snat: true, forwarding: true } };
    const input = namespaceInput({ name: 'dev', uid: 'u', annotations: own, labels: {} }, false, usual);
    const [network] = desiredNamespace(input, usual).filter(({ type }) => type === 'virtual-network');
    expect(network).toMatchObject({ fabric_snat: snat, virtual_network_refs: references });
  },
);

const routed = (name: string, ip_prefix: string): VirtualNetwork => ({
  type: 'virtual-network',
  uuid: name,
  fq_name: ['default-domain', 'k8s-dev', name],
  network_ipam_refs: [{ to: [], attr: { ipam_subnets: [{ subnet: { ip_prefix, ip_prefix_len: 24 } }] } }],
});
const sharedBy = (ip_prefix: string, ip_prefix_len: number): string | undefined =>
  sharedAddresses(
    { fqName: ['default-domain', 'k8s-dev', 'own'], subnets: [{ ip_prefix, ip_prefix_len }] },
    [routed('own', '10.20.0.0'), routed('other', '10.21.0.0'), routed('six', 'fd00:21::')],
    settings,
  );

describe('a network that the underlay routes is refused where it has addresses of', () => {
  test.each([
    ['10.21.0.128', 25, /10\.21\.0\.0\/24 of default-domain:k8s-dev:other/],
    ['10.20.0.0', 15, /10\.21\.0\.0\/24 of default-domain:k8s-dev:other/],
    ['fd00:21::', 64, /of default-domain:k8s-dev:six/],
    ['10.33.0.0', 24, /10\.32\.0\.0\/12 of the cluster/],
  ])('others: %s/%i', (prefix, length, problem) => {
    expect(sharedBy(prefix, length)).toMatch(problem);
  });

  test('nobody else, and is not', () => {
    expect(sharedBy('10.20.0.0', 24)).toBeUndefined();
  });
});

test("a namespace's services have no flags", () => {
  expect(namespaceNetworks({ [ANNOTATION.forwarding]: 'true', [ANNOTATION.snat]: 'true' })[1]).toMatchObject({
    fabric_snat: false,
    virtual_network_refs: [],
  });
});

describe("a namespace's status", () => {
  const [SNAT, FORWARDING] = [ANNOTATION.snat, ANNOTATION.forwarding];
  function statusOf(annotations: Texts, name: string, isolated: boolean): unknown {
    const namespace = { name, uid: 'u', annotations, labels: {} };
    const text = namespaceStatus(namespace, { mode: 'namespace', outdated: [], isolated, usual: settings.fabric });
    return text === undefined ? undefined : JSON.parse(text);
  }

  test.each<readonly [string, Texts, boolean, boolean]>([
    ['dev', { [SNAT]: 'true' }, true, false],
    ['dev', { [SNAT]: 'False' }, false, false],
    ['dev', { [SNAT]: 'true', [FORWARDING]: 'true' }, false, true],
    ['default', { [FORWARDING]: 'true' }, false, true],
  ])('says which flags are on for %s with %j', (name, annotations, snat, forwarding) => {
    const status = { version: 1, mode: 'namespace', outdated: 0, pods: [], snat, forwarding };
    expect(statusOf(annotations, name, name !== 'default')).toEqual(status);
  });

  test('says that a flag is off where the namespace has no network that it could be on for', () => {
    expect(statusOf({ [SNAT]: 'true' }, 'dev', false)).toMatchObject({ snat: false, forwarding: false });
  });

  test('is absent where nobody has asked for a flag', () => {
    expect(statusOf({}, 'dev', true)).toBeUndefined();
  });

  test('names the pods that keep their network, and the flag beside', () => {
    const namespace = { name: 'dev', uid: 'u', annotations: { [SNAT]: 'true' }, labels: {} };
    const pods = Array.from({ length: 30 }, (_, index) => `web-${index}`);
    const text = namespaceStatus(namespace, {
      mode: 'namespace',
      outdated: pods,
      isolated: true,
      usual: settings.fabric,
    });
    expect(JSON.parse(text ?? '')).toMatchObject({ outdated: 30, pods: pods.slice(0, 20), snat: true });
  });
});
