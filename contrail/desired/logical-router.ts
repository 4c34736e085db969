/**
 * What a LogicalRouter becomes: a router with a port in each of its networks, and addresses of a pool on these ports, under which the
 * networks go outside (facts 7.2). Pure.
 */
import { uuidOf } from '../names.ts';
import type { ContrailObject, FqName } from '../objects.ts';
import { annotationsFor } from '../ownership.ts';
import { floatingIp } from './floating-ip.ts';
import { inProject, type Naming, ownerFor, to } from './owner.ts';
import { type Family, familyOf } from './pod.ts';

export interface LogicalRouterInput {
  readonly namespace: string;
  readonly name: string;
  /** The name of its FloatingIPPool. */
  readonly pool: string;
  /** The networks that are there, by their fully qualified names. */
  readonly networks: readonly FqName[];
  /** Without an address the config API gives one. */
  readonly addresses: readonly RouterAddress[];
}

export interface RouterAddress {
  readonly family: Family;
  readonly address?: string;
}

/** An address of a router has a name by its family, and further ones of the same by their number. */
export function addressSlot(family: Family, index: number): string {
  return index === 0 ? family : `${family}-${index + 1}`;
}

/**
 * Everything under the key `LogicalRouter/<namespace>/<name>`. Of what is found of it, an address that stays keeps its name, and one that is
 * to go stands until those that come do: so the networks have one all the time, also where a new one cannot be had.
 */
export function desiredLogicalRouter(
  input: LogicalRouterInput,
  naming: Naming,
  { found }: { readonly found: readonly ContrailObject[] },
): readonly ContrailObject[] {
  const { namespace, name, pool, networks, addresses } = input;
  const { names } = naming;
  const owner = ownerFor({ kind: 'LogicalRouter', namespace, name }, naming);
  const ports = networks.map((network) => routerPort(input, network, naming));
  const portRefs = ports.map(({ fq_name: fqName }) => to(fqName));
  const fqName = names.logicalRouter(namespace, name);
  const gateway = { to: names.floatingNetwork(pool), attr: { logical_router_virtual_network_type: 'ExternalGateway' } };
  const router = inProject({ type: 'logical-router', uuid: uuidOf('logical-router', fqName), fqName }, owner, {
    display_name: name,
    logical_router_type: 'snat-routing',
    logical_router_gateway_external: false,
    virtual_machine_interface_refs: portRefs,
    virtual_network_refs: [gateway],
  });
  const egress = withSlots(addresses, standingSlots(input, found)).map(({ family, address, slot }) =>
    floatingIp(
      {
        uuid: names.routerAddressUuid(namespace, name, slot),
        label: slotLabel(input, slot),
        pool: names.floatingIpPool(pool),
        family,
        ...(address === undefined ? {} : { address }),
      },
      {
        floating_ip_traffic_direction: 'egress',
        project_refs: [to(names.project(namespace))],
        virtual_machine_interface_refs: portRefs,
        ...annotationsFor(owner),
      },
    ),
  );
  return [...ports, router, ...egress];
}

/** The addresses that it has, by their slots. */
function standingSlots(input: LogicalRouterInput, found: readonly ContrailObject[]): ReadonlyMap<string, string> {
  const prefix = slotLabel(input, '');
  const floating = found.filter(
    ({ type, fq_name: fqName }) => type === 'floating-ip' && fqName.at(-1)?.startsWith(prefix),
  );
  return new Map(
    // The schema's field.
    floating.map((each) => [each.fq_name.at(-1)?.slice(prefix.length) ?? '', each['floating_ip_address'] as string]),
  );
}

function slotLabel({ namespace, name }: LogicalRouterInput, slot: string): string {
  return `${namespace}__${name}__${slot}`;
}

interface SlottedAddress extends RouterAddress {
  readonly slot: string;
}

/** A slot that stands is nobody else's, since its address cannot be changed. */
function withSlots(
  addresses: readonly RouterAddress[],
  standing: ReadonlyMap<string, string>,
): readonly SlottedAddress[] {
  const taken = new Set(standing.keys());
  const wanted = addresses.map((each) => {
    const { family } = each;
    const kept = [...standing].find(
      ([, address]) => familyOf(address) === family && (each.address ?? address) === address,
    );
    const slot = kept?.[0] ?? freeSlot(family, taken);
    taken.add(slot);
    return { ...each, slot };
  });
  const slots = new Set(wanted.map(({ slot }) => slot));
  const going = [...standing].filter(([slot]) => !slots.has(slot));
  return [...slots].every((slot) => standing.has(slot))
    ? wanted
    : [...wanted, ...going.map(([slot, address]) => ({ slot, address, family: familyOf(address) }))];
}

function freeSlot(family: Family, taken: ReadonlySet<string>): string {
  let index = 0;
  while (taken.has(addressSlot(family, index))) index += 1;
  return addressSlot(family, index);
}

function routerPort({ namespace, name }: LogicalRouterInput, network: FqName, naming: Naming): ContrailObject {
  const owner = ownerFor({ kind: 'LogicalRouter', namespace, name }, naming);
  const fqName = naming.names.routerPort(namespace, name, network);
  const uuid = uuidOf('virtual-machine-interface', fqName);
  return inProject({ type: 'virtual-machine-interface', uuid, fqName }, owner, {
    display_name: fqName.at(-1),
    virtual_machine_interface_device_owner: 'network:router_interface',
    virtual_network_refs: [to(network)],
  });
}
