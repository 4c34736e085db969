/** The flags of a namespace and of a definition, on the networks that they speak of. */
import { describe, expect, test } from '@jest/globals';
import { desiredNamespace } from '../../contrail/desired/namespace.ts';
import { desiredAttachment } from '../../contrail/desired/attachment.ts';
import type { ContrailObject } from '../../contrail/objects.ts';
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import { changedFields } from '../../contrail/difference.ts';
import { attachmentInput } from '../../workers/desired/attachment.ts';
import { namespaceStatus } from '../../workers/desired/namespace-status.ts';
import { namespaceInput } from '../../workers/desired/namespace.ts';
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
    const text = namespaceStatus(namespace, { mode: 'namespace', outdated: [], isolated });
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
    const text = namespaceStatus(namespace, { mode: 'namespace', outdated: pods, isolated: true });
    expect(JSON.parse(text ?? '')).toMatchObject({ outdated: 30, pods: pods.slice(0, 20), snat: true });
  });
});
