/** Who lives where: nodes, this node's ports, and the addresses of pods on other nodes. Pure. */
import { fqNameText } from '../../contrail/objects.ts';
import type {
  KeyValuePairs,
  VirtualMachine,
  VirtualMachineInterface,
  VirtualRouter,
} from '../../contrail/objects.ts';
import type { Network, Peer, Port, Remote } from '../model.ts';
import type { ConfigIndex } from './index-config.ts';

/** Every virtual router that has an address, in the order of names. */
export function compilePeers(config: ConfigIndex): readonly Peer[] {
  return config
    .all('virtual-router')
    .flatMap((router) => {
      const address = router.virtual_router_ip_address;
      return address === undefined ? [] : [{ name: nodeOf(router), address }];
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The addresses of an interface, in the order of their objects' UUIDs. */
export function addressesOf(config: ConfigIndex, vmi: string): readonly string[] {
  return config.referrers(vmi, 'instance-ip').flatMap((ip) => ip.instance_ip_address ?? []);
}

/** Interfaces of pods: those of this node as ports, those of others as remote addresses. */
export function compileEndpoints(
  config: ConfigIndex,
  networks: readonly Network[],
  node: string,
): { readonly ports: readonly Port[]; readonly remotes: readonly Remote[] } {
  const byUuid = new Map(networks.map((network) => [network.uuid, network]));
  const ports: Port[] = [];
  const remotes: Remote[] = [];
  for (const { router, vm, vmi } of interfacesOf(config)) {
    const network = byUuid.get(config.targets(vmi, 'virtual-network')[0]?.uuid ?? '');
    if (network === undefined) continue;
    if (nodeOf(router) === node) ports.push(portOf(config, { vm, vmi, network }));
    else remotes.push(...remotesOf(config, { router, vmi, network }));
  }
  return { ports, remotes };
}

interface Placed {
  readonly router: VirtualRouter;
  readonly vm: VirtualMachine;
  readonly vmi: VirtualMachineInterface;
}

function interfacesOf(config: ConfigIndex): readonly Placed[] {
  return config
    .all('virtual-router')
    .flatMap((router) => config.targets(router, 'virtual-machine').map((vm) => ({ router, vm })))
    .flatMap(({ router, vm }) => config.referrers(vm.uuid, 'virtual-machine-interface').map((vmi) => ({ router, vm, vmi })));
}

function portOf(
  config: ConfigIndex,
  { vm, vmi, network }: { vm: VirtualMachine; vmi: VirtualMachineInterface; network: Network },
): Port {
  // `annotations` is a map property on every type of the schema.
  const annotations = (vmi['annotations'] as KeyValuePairs | undefined)?.key_value_pair ?? [];
  return {
    vmi: vmi.uuid,
    vm: vm.uuid,
    vmName: fqNameText(vm.fq_name),
    project: vmi.parent_uuid ?? '',
    network: network.id,
    networkUuid: network.uuid,
    networkName: network.name,
    mac: vmi.virtual_machine_interface_mac_addresses?.mac_address[0] ?? '',
    addresses: addressesOf(config, vmi.uuid),
    annotations: annotations.map(({ key, value }) => [key, value] as const),
  };
}

function remotesOf(
  config: ConfigIndex,
  { router, vmi, network }: { router: VirtualRouter; vmi: VirtualMachineInterface; network: Network },
): readonly Remote[] {
  const node = router.virtual_router_ip_address;
  if (node === undefined) return [];
  return addressesOf(config, vmi.uuid).map((address) => ({ address, network: network.id, node }));
}

function nodeOf(router: VirtualRouter): string {
  return router.fq_name.at(-1) ?? '';
}
