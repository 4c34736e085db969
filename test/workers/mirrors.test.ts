/** Whom a pod's traffic is copied to, and what stands of it in Contrail. */
import { expect, test } from '@jest/globals';
import { desiredPod } from '../../contrail/desired/pod.ts';
import { changedFields } from '../../contrail/difference.ts';
import { isMirrored, type PodMirror } from '../../contrail/desired/pod-mirror.ts';
import type { VirtualMachineInterface } from '../../contrail/objects.ts';
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import type { SlimPod } from '../../kubernetes/objects.ts';
import { formatPorts } from '../../kubernetes/ports.ts';
import { mirroringOf } from '../../workers/mirrors.ts';
import { settings } from './settings-for-tests.ts';

const NETWORK = 'default-domain:k8s-ids:k8s-ids-pod-network';
const MIRROR: PodMirror = { analyzer: 'k8s__ids__sensor', address: '10.32.0.9', network: NETWORK };

const watched: SlimPod = {
  namespace: 'ids',
  name: 'web',
  uid: 'u',
  hostNetwork: false,
  phase: 'Running',
  annotations: { [ANNOTATION.mirror]: 'sensor' },
  labels: {},
};

function sensor(mode: 'isolated' | 'custom', uid = 's'): SlimPod {
  const port = {
    name: 'eth0',
    vmi: 'v',
    network: NETWORK,
    networkId: 'n',
    mac: 'm',
    ips: ['10.32.0.9/12'],
    dns: [],
    mtu: 0,
  };
  const assignment = { version: 1, mode, interfaces: [{ name: 'eth0', network: NETWORK, from: 'namespace' }] };
  return {
    ...watched,
    name: 'sensor',
    uid: 's',
    annotations: {
      [ANNOTATION.ports]: formatPorts({ uid, interfaces: [port] }),
      [ANNOTATION.assignment]: JSON.stringify(assignment),
    },
  };
}

test('a pod is copied to the first address of its analyzer', () => {
  expect(mirroringOf(watched, sensor('isolated'), settings.names)).toEqual({ kind: 'mirrored', mirror: MIRROR });
  expect(mirroringOf({ ...watched, annotations: {} }, undefined, settings.names)).toBeUndefined();
});

test.each([
  ['there is none', undefined, 'there is no pod sensor'],
  ['its ports are a predecessor’s', sensor('isolated', 'older'), 'there is no pod sensor'],
  ['nodes do not reach it', sensor('custom'), 'put the analyzer into the namespace'],
])('an analyzer is sent nothing where %s', (_why, analyzer, reason) => {
  const mirroring = mirroringOf(watched, analyzer, settings.names);
  expect(mirroring).toMatchObject({ kind: 'unserved', message: expect.stringContaining(reason) });
});

test('a pod is no analyzer of its own', () => {
  const own = { ...watched, name: 'sensor' };
  expect(mirroringOf(own, own, settings.names)).toMatchObject({ message: expect.stringContaining('names itself') });
});

test('every interface has its mirror, and loses one of ours alone', () => {
  const vmiWith = (mirror: PodMirror | 'none' | undefined): VirtualMachineInterface => {
    const pod = {
      ...watched,
      interfaces: [{ name: 'eth0', network: NETWORK.split(':'), label: 'default', addresses: [], families: [] }],
    };
    const virtualRouter = { type: 'virtual-router', uuid: 'r', fq_name: ['default-global-system-config', 'n1'] };
    const objects = desiredPod({ ...pod, virtualRouter, mirror }, settings);
    return objects.find(({ type }) => type === 'virtual-machine-interface') as VirtualMachineInterface;
  };
  const copied = vmiWith(MIRROR);
  expect(copied.virtual_machine_interface_properties?.interface_mirror).toEqual({
    traffic_direction: 'both',
    mirror_to: {
      analyzer_name: 'k8s__ids__sensor',
      analyzer_ip_address: '10.32.0.9',
      routing_instance: `${NETWORK}:k8s-ids-pod-network`,
      juniper_header: false,
    },
  });
  expect(changedFields(vmiWith('none'), copied)).toEqual({
    virtual_machine_interface_properties: { interface_mirror: null },
  });
  expect(vmiWith(undefined)).not.toHaveProperty('virtual_machine_interface_properties');
  expect(isMirrored([copied], 'k8s__ids__')).toBe(true);
  expect(isMirrored([copied], 'k8s__shop__')).toBe(false);
});
