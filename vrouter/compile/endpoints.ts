/** Who lives where: nodes, this node's ports, and the addresses of pods on other nodes. Pure. */
import { annotationOf, fqNameText } from '../../contrail/objects.ts';
import type { KeyValuePairs, VirtualMachineInterface, VirtualRouter } from '../../contrail/objects.ts';
import type { Network, Peer, Port, Remote } from '../model/networks.ts';
import type { ConfigIndex } from './index-config.ts';
import type { Place } from './spread.ts';

/** Every virtual router that has an address, in the order of names. */
export function compilePeers(config: ConfigIndex): readonly Peer[] {
  return config
    .all('virtual-router')
    .flatMap((router) => {
      const address = router.virtual_router_ip_address;
      if (address === undefined) return [];
      const address6 = addressesOfNode(router).find((ip) => ip.includes(':'));
      return [{ name: nodeOf(router), address, ...(address6 === undefined ? {} : { address6 }) }];
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Where a node is, as far as its router says. */
export function placeOf(config: ConfigIndex, node: string): Place {
  const router = config.all('virtual-router').find((each) => nodeOf(each) === node);
  const zone = router && annotationOf(router, 'zone');
  return { node, ...(zone ? { zone } : {}) };
}

/** All addresses of a node, as workers write them on its router; empty where nobody has. */
function addressesOfNode(router: VirtualRouter): readonly string[] {
  try {
    const parsed: unknown = JSON.parse(annotationOf(router, 'internal_ips') ?? '[]');
    return Array.isArray(parsed) ? parsed.filter((item): item is string => typeof item === 'string') : [];
  } catch {
    return []; // An annotation of somebody else's.
  }
}

/** The addresses of an interface, in the order of their objects' UUIDs. */
export function addressesOf(config: ConfigIndex, vmi: string): readonly string[] {
  return config.referrers(vmi, 'instance-ip').flatMap((ip) => ip.instance_ip_address ?? []);
}

/**
 * Interfaces of pods: those of this node as ports, those of others as remote addresses. A virtual machine elsewhere is known
 * by its UUID alone: a node is not sent its object.
 */
export function compileEndpoints(
  config: ConfigIndex,
  networks: readonly Network[],
  node: string,
): { readonly ports: readonly Port[]; readonly remotes: readonly Remote[] } {
  const byUuid = new Map(networks.map((network) => [network.uuid, network]));
  const routers = placement(config);
  const ports: Port[] = [];
  const remotes: Remote[] = [];
  for (const vmi of config.all('virtual-machine-interface')) {
    const vm = config.uuids(vmi, 'virtual-machine')[0] ?? '';
    const network = byUuid.get(config.uuids(vmi, 'virtual-network')[0] ?? '');
    const router = routers.get(vm);
    if (network === undefined || router === undefined) continue;
    if (nodeOf(router) === node) ports.push(portOf(config, { vm, vmi, network }));
    else remotes.push(...remotesOf(config, { router, vmi, network }));
  }
  return { ports, remotes };
}

/** Which virtual router a virtual machine runs on. */
export function placement(config: ConfigIndex): ReadonlyMap<string, VirtualRouter> {
  return new Map(
    config
      .all('virtual-router')
      .flatMap((router) => config.uuids(router, 'virtual-machine').map((vm) => [vm, router] as const)),
  );
}

function portOf(
  config: ConfigIndex,
  { vm, vmi, network }: { vm: string; vmi: VirtualMachineInterface; network: Network },
): Port {
  // `annotations` is a map property on every type of the schema.
  const annotations = (vmi['annotations'] as KeyValuePairs | undefined)?.key_value_pair ?? [];
  const probe = annotationOf(vmi, 'probe');
  return {
    vmi: vmi.uuid,
    vm,
    vmName: fqNameText(config.get('virtual-machine', vm)?.fq_name ?? []),
    project: vmi.parent_uuid ?? '',
    network: network.id,
    networkUuid: network.uuid,
    networkName: network.name,
    mac: vmi.virtual_machine_interface_mac_addresses?.mac_address[0] ?? '',
    addresses: addressesOf(config, vmi.uuid),
    annotations: annotations.map(({ key, value }) => [key, value] as const),
    ...(probe === undefined ? {} : { probe }),
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
