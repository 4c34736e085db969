/** Interfaces of nodes in Contrail's terms, and back. */
import { describe, expect, test } from '@jest/globals';
import { interfaceOf, providerOf } from '../../contrail/provider.ts';
import type { VirtualNetwork } from '../../contrail/objects.ts';

const network = (fields: Partial<VirtualNetwork>): Partial<VirtualNetwork> => ({ router_external: true, ...fields });

describe('an interface', () => {
  test.each([
    ['eth1', 'eth1', 0],
    ['eth0.100', 'eth0', 100],
    ['bond0.4094', 'bond0', 4094],
    ['eth0.4095', 'eth0.4095', 0],
    ['eth0.007', 'eth0.007', 0],
    ['vlan100', 'vlan100', 0],
  ])('%s is VLAN %s %i, and no other one', (name, physical_network, segmentation_id) => {
    expect(providerOf(name)).toEqual({ physical_network, segmentation_id });
    expect(interfaceOf(network({ provider_properties: providerOf(name) }))).toBe(name);
  });
});

describe('a network', () => {
  test.each<[Partial<VirtualNetwork>, string]>([
    [{ router_external: false, provider_properties: providerOf('eth1') }, 'is none of the outside’s'],
    [{ router_external: true }, 'says nothing of where it is'],
    [{ router_external: true, provider_properties: { segmentation_id: 5, physical_network: '' } }, 'names no network'],
  ])('%j is at no interface: it %s', (fields) => {
    expect(interfaceOf(fields)).toBeUndefined();
  });
});
