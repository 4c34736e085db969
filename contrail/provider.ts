/**
 * Networks outside at an interface of nodes: Contrail's `provider_properties` name a physical network and a VLAN there, Linux names
 * one interface for both (`eth1`, `eth0.100`). Pure.
 */
import type { KeyValuePairs, ProviderDetails, VirtualNetwork, VirtualRouter } from './objects.ts';

/** What the name of an interface says. */
export function providerOf(name: string): Required<ProviderDetails> {
  const [, physical, vlan] = /^(.+)\.([1-9]\d{0,3})$/.exec(name) ?? [];
  const isTagged = physical !== undefined && Number(vlan) <= HIGHEST_VLAN;
  return isTagged
    ? { physical_network: physical, segmentation_id: Number(vlan) }
    : { physical_network: name, segmentation_id: 0 };
}

const HIGHEST_VLAN = 4094;

/** The interface that a network outside is at; absent where that is the fabric's, or the network none of the outside's. */
export function interfaceOf(
  network: Pick<VirtualNetwork, 'router_external' | 'provider_properties'>,
): string | undefined {
  const { physical_network: physical, segmentation_id: vlan = 0 } = network.provider_properties ?? {};
  if (network.router_external !== true || !physical) return undefined;
  return vlan === 0 ? physical : `${physical}.${vlan}`;
}

/** The interfaces that a node says it has, of those that networks are at. */
export function interfacesOf(router: VirtualRouter): readonly string[] {
  return (router.virtual_router_sriov_physical_networks?.key_value_pair ?? []).map(({ value }) => value);
}

/**
 * What a node says of its interfaces, as Contrail has it: made for cards with virtual functions, but it is which physical networks a
 * machine has.
 */
export function physicalNetworks(interfaces: readonly string[]): KeyValuePairs {
  return { key_value_pair: interfaces.map((name) => ({ key: name, value: name })) };
}
