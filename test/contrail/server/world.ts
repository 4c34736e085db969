/** A small cluster's configuration, written through the client as the workers write it. */
import type { ContrailClient } from '../../../contrail/client.ts';
import { providerOf } from '../../../contrail/provider.ts';

const FABRIC = ['default-domain', 'default-project', 'ip-fabric'];
const PROJECT = ['default-domain', 'p'];
const ANY = [{ start_port: -1, end_port: -1 }];

export const inProject = (name: string): string[] => [...PROJECT, name];

/** A project and a flat ipam with this prefix. */
export async function createBase(client: ContrailClient, prefix = '10.32.0.0', length = 12): Promise<void> {
  await client.create({ type: 'project', fq_name: PROJECT, parent_type: 'domain' });
  await client.create({
    type: 'network-ipam',
    fq_name: inProject('ipam'),
    parent_type: 'project',
    ipam_subnet_method: 'flat-subnet',
    ipam_subnets: { subnets: [{ subnet: { ip_prefix: prefix, ip_prefix_len: length } }] },
  });
}

/** A network on the flat ipam. */
export function createNetwork(client: ContrailClient, name: string): Promise<string> {
  return client.create({
    type: 'virtual-network',
    fq_name: inProject(name),
    parent_type: 'project',
    address_allocation_mode: 'flat-subnet-only',
    virtual_network_properties: { forwarding_mode: 'l3' },
    network_ipam_refs: [{ to: inProject('ipam'), attr: { ipam_subnets: [] } }],
  });
}

/** A policy that lets two networks talk, attached to both. */
export async function connect(
  client: ContrailClient,
  name: string,
  networks: readonly [string, string],
): Promise<string> {
  const address = (network: string) => [{ virtual_network: inProject(network).join(':') }];
  const rule = {
    direction: '<>',
    protocol: 'any',
    action_list: { simple_action: 'pass' },
    src_ports: ANY,
    dst_ports: ANY,
  };
  const uuid = await client.create({
    type: 'network-policy',
    fq_name: inProject(name),
    parent_type: 'project',
    network_policy_entries: {
      policy_rule: [{ ...rule, src_addresses: address(networks[0]), dst_addresses: address(networks[1]) }],
    },
  });
  for (const network of networks) await attach(client, network, uuid);
  return uuid;
}

export async function attach(client: ContrailClient, network: string, policy: string): Promise<void> {
  const uuid = await client.fqNameToUuid('virtual-network', inProject(network));
  await client.refUpdate({
    type: 'virtual-network',
    uuid: uuid ?? '',
    refType: 'network-policy',
    refUuid: policy,
    operation: 'ADD',
    attr: { sequence: { major: 0, minor: 0 } },
  });
}

/** Lets nodes and these networks talk; of all traffic, unless `fields` of the rule say otherwise. */
export async function openToNodes(
  client: ContrailClient,
  networks: readonly string[],
  { name = 'fabric-np', ...fields }: { readonly name?: string; readonly protocol?: string } = {},
): Promise<void> {
  const policy = await client.create({
    type: 'network-policy',
    fq_name: inProject(name),
    parent_type: 'project',
    network_policy_entries: {
      policy_rule: [
        {
          direction: '<>',
          protocol: 'any',
          action_list: { simple_action: 'pass' },
          src_addresses: [{ network_policy: inProject(name).join(':') }],
          dst_addresses: [{ virtual_network: FABRIC.join(':') }],
          src_ports: ANY,
          dst_ports: ANY,
          ...fields,
        },
      ],
    },
  });
  for (const network of networks) await attach(client, network, policy);
  await attachToFabric(client, policy);
}

/** Attaches a policy to the network of nodes, or takes it away. */
export async function attachToFabric(
  client: ContrailClient,
  policy: string,
  operation: 'ADD' | 'DELETE' = 'ADD',
): Promise<void> {
  const uuid = (await client.fqNameToUuid('virtual-network', FABRIC)) ?? '';
  await client.refUpdate({
    type: 'virtual-network',
    uuid,
    refType: 'network-policy',
    refUuid: policy,
    operation,
    attr: {},
  });
}

export function createNode(client: ContrailClient, name: string): Promise<string> {
  const fqName = ['default-global-system-config', name];
  return client.create({
    type: 'virtual-router',
    fq_name: fqName,
    parent_type: 'global-system-config',
    virtual_router_ip_address: '192.0.2.1',
  });
}

export interface PodObjects {
  readonly machine: string;
  readonly port: string;
  readonly address: string;
}

/** A pod's objects in a network; on a node where one is given. */
export async function createPod(
  client: ContrailClient,
  name: string,
  network: string,
  router?: string,
): Promise<PodObjects> {
  const machine = await client.create({ type: 'virtual-machine', fq_name: [name] });
  const to = inProject(network);
  const port = await client.create({
    type: 'virtual-machine-interface',
    fq_name: inProject(name),
    parent_type: 'project',
    virtual_network_refs: [{ to }],
    virtual_machine_refs: [{ to: [name] }],
  });
  const address = await client.create({
    type: 'instance-ip',
    fq_name: [name],
    virtual_network_refs: [{ to }],
    virtual_machine_interface_refs: [{ to: inProject(name) }],
  });
  if (router !== undefined) await place(client, router, machine);
  return { machine, port, address };
}

export function place(
  client: ContrailClient,
  router: string,
  machine: string,
  operation: 'ADD' | 'DELETE' = 'ADD',
): Promise<void> {
  return client.refUpdate({
    type: 'virtual-router',
    uuid: router,
    refType: 'virtual-machine',
    refUuid: machine,
    operation,
  });
}

/** A service in a network with one backend port. */
export async function createService(
  client: ContrailClient,
  name: string,
  network: string,
  backend: string,
): Promise<Record<string, string>> {
  const { port, address } = await createPod(client, `vip-${name}`, network);
  const parent = { parent_type: 'project' };
  const balancer = await client.create({
    type: 'loadbalancer',
    fq_name: inProject(name),
    ...parent,
    virtual_machine_interface_refs: [{ to: inProject(`vip-${name}`) }],
  });
  const listener = await client.create({
    type: 'loadbalancer-listener',
    fq_name: inProject(name),
    ...parent,
    loadbalancer_refs: [{ to: inProject(name) }],
  });
  const pool = await client.create({
    type: 'loadbalancer-pool',
    fq_name: inProject(name),
    ...parent,
    loadbalancer_listener_refs: [{ to: inProject(name) }],
  });
  const member = await client.create({
    type: 'loadbalancer-member',
    fq_name: [...inProject(name), 'm'],
    parent_type: 'loadbalancer-pool',
    loadbalancer_member_properties: { address: '10.0.0.9', protocol_port: 80 },
    annotations: { key_value_pair: [{ key: 'vmi', value: backend }] },
  });
  return { port, address, balancer, listener, pool, member };
}

export const GLOBAL_SET = ['default-policy-management', 'default-application-policy-set'];

/** A set of policies for an application: one policy, with one rule, about one group of addresses. */
export async function createSet(client: ContrailClient, application: string): Promise<void> {
  const name = ['default-policy-management', application];
  const made = { fq_name: name, parent_type: 'policy-management' };
  await client.create({
    type: 'tag',
    fq_name: [`application=${application}`],
    tag_type_name: 'application',
    tag_value: application,
  });
  await client.create({ type: 'address-group', ...made });
  await client.create({
    type: 'firewall-rule',
    ...made,
    endpoint_1: { any: true },
    endpoint_2: { address_group: name.join(':') },
    service: { protocol: 'any' },
    direction: '>',
    action_list: { simple_action: 'pass' },
  });
  const sequence = { sequence: '00001.0' };
  await client.create({ type: 'firewall-policy', ...made, firewall_rule_refs: [{ to: name, attr: sequence }] });
  const set = await client.create({
    type: 'application-policy-set',
    ...made,
    firewall_policy_refs: [{ to: name, attr: sequence }],
  });
  await client.setTag('application-policy-set', set, { application: { is_global: true, value: application } });
}

/** A network outside with a pool, at an interface of nodes where one is named. */
export async function createPool(client: ContrailClient, network: string, device?: string): Promise<void> {
  const subnet = { ip_prefix: device === undefined ? '192.0.2.0' : '203.0.113.0', ip_prefix_len: 24 };
  await client.create({ type: 'network-ipam', fq_name: inProject(network), parent_type: 'project' });
  await client.create({
    type: 'virtual-network',
    fq_name: inProject(network),
    parent_type: 'project',
    address_allocation_mode: 'user-defined-subnet-only',
    router_external: true,
    ...(device === undefined ? {} : { provider_properties: providerOf(device) }),
    network_ipam_refs: [{ to: inProject(network), attr: { ipam_subnets: [{ subnet }] } }],
  });
  await client.create({
    type: 'floating-ip-pool',
    fq_name: [...inProject(network), 'pool'],
    parent_type: 'virtual-network',
  });
}

/** A floating address of a pool's that leads to a port. */
export function createFloating(client: ContrailClient, name: string, network: string, port: string): Promise<string> {
  return client.create({
    type: 'floating-ip',
    fq_name: [...inProject(network), 'pool', name],
    parent_type: 'floating-ip-pool',
    virtual_machine_interface_refs: [{ to: inProject(port) }],
  });
}
