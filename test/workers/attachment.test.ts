/** What a NetworkAttachmentDefinition becomes, and what a pod on it. */
import { describe, expect, test } from '@jest/globals';
import { desiredAttachment } from '../../contrail/desired/attachment.ts';
import { desiredPod } from '../../contrail/desired/pod.ts';
import { attachmentInput } from '../../workers/desired/attachment.ts';
import { refuseOutOfRange } from '../../workers/pod-failure.ts';
import { settings } from './settings-for-tests.ts';

const base = { namespace: 'dev', name: 'storage', uid: 'u', config: '{"type":"opencontrail-cni"}' };

describe('a definition', () => {
  test('with subnets becomes a network of its own and its IPAM', () => {
    const annotations = {
      'opencontrail.org/cidr': '10.20.0.0/24, fd00:20::/64',
      'opencontrail.org/ip_fabric_snat': 'true',
    };
    const objects = desiredAttachment(attachmentInput({ ...base, annotations }, settings)!, settings);
    expect(objects.map(({ type, fq_name }) => [type, fq_name.at(-1)])).toEqual([
      ['network-ipam', 'k8s-storage-pod-ipam'],
      ['virtual-network', 'k8s-storage-pod-network'],
    ]);
    expect(objects[1]).toMatchObject({
      address_allocation_mode: 'user-defined-subnet-only',
      fabric_snat: true,
      network_ipam_refs: [
        {
          attr: {
            ipam_subnets: [
              { subnet: { ip_prefix: '10.20.0.0', ip_prefix_len: 24 } },
              { subnet: { ip_prefix: 'fd00:20::', ip_prefix_len: 64 } },
            ],
          },
        },
      ],
    });
  });

  test('that names a network becomes nothing', () => {
    const annotations = { 'opencontrail.org/network': '{"domain":"d","project":"p","name":"n"}' };
    expect(desiredAttachment(attachmentInput({ ...base, annotations }, settings)!, settings)).toEqual([]);
  });

  test("of another plugin is nobody's", () => {
    expect(attachmentInput({ ...base, config: '{"type":"macvlan"}', annotations: {} }, settings)).toBeUndefined();
  });

  test.each(['10.40.0.0/16', '10.0.0.0/8', '10.96.1.0/24'])(
    "refuses %s, which the cluster's own addresses lie in",
    (cidr) => {
      const annotations = { 'opencontrail.org/cidr': cidr };
      expect(() => attachmentInput({ ...base, annotations }, settings)).toThrow(/overlaps with 10\.(32|96)\.0\.0\/12/);
    },
  );
});

test('a pod gets one address of each family of a network, and keeps those it names', () => {
  const port = {
    name: 'net1',
    network: ['d', 'p', 'n'],
    label: 'storage',
    addresses: ['10.20.0.5'],
    families: ['v4', 'v6'] as const,
  };
  const router = { type: 'virtual-router', uuid: 'r', fq_name: ['g', 'n1'] };
  const pod = { namespace: 'dev', name: 'p', uid: 'u', labels: {}, virtualRouter: router, interfaces: [port] };
  const ips = desiredPod(pod, settings).filter(({ type }) => type === 'instance-ip');
  expect(ips.map((ip) => [ip['instance_ip_family'], ip['instance_ip_address']])).toEqual([
    ['v4', '10.20.0.5'],
    ['v6', undefined],
  ]);
});

test('an address outside of the network is refused with the range', () => {
  const port = { name: 'eth0', network: ['d', 'p', 'n'], label: 'default', isAllocated: false, defaultRoute: true };
  const subnets = [{ ip_prefix: '10.20.0.0', ip_prefix_len: 24 }];
  expect(() => refuseOutOfRange({ ...port, addresses: ['10.20.1.1'] }, subnets)).toThrow(
    /10\.20\.1\.1 is not in 10\.20\.0\.0\/24/,
  );
  expect(() => refuseOutOfRange({ ...port, addresses: ['10.20.0.1'] }, subnets)).not.toThrow();
});
