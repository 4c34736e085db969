/** Instance IPs: an address of a network's subnets, taken with the object and freed with it (facts 9). */
import { parseAddress } from '../addresses/ip.ts';
import { allocateFrom, flatSubnets, isUnmanaged, networkName, releaseFrom, subnetsOf } from '../addresses/pool.ts';
import type { AddressSubnet } from '../addresses/subnets.ts';
import { demand, HttpError } from '../errors.ts';
import type { Draft, TypeRules } from '../objects/draft.ts';
import { repr } from '../python.ts';
import type { StoredObject, StoredRef } from '../store/objects.ts';
import type { Transaction } from '../store/transaction.ts';

const TARGET = { addressField: 'p:instance_ip_address', subnetField: 'p:subnet_uuid' };

export const instanceIpRules: TypeRules = {
  beforeCreate: async (draft, tx) => {
    const request = {
      address: text(draft.properties['instance_ip_address']),
      subnetUuid: text(draft.properties['subnet_uuid']),
      family: draft.properties['instance_ip_family'] as 'v4' | 'v6' | undefined,
    };
    const source = await sourceOf(tx, draft.refs, request);
    if (source === undefined) return;
    if (request.address !== undefined) await refuseGateway(tx, draft, source.subnets, request.address);
    allocateFrom(tx, source.subnets, { request, target: { object: draft.uuid, ...TARGET }, name: source.name });
  },
  beforeUpdate: ({ object, properties }) => {
    const address = properties['instance_ip_address'];
    const same = address === undefined || address === object.properties['instance_ip_address'];
    demand(
      same && !('instance_ip_address' in properties && address === undefined),
      400,
      'Instance IP Address can not be changed',
    );
  },
  beforeDelete: async (object, tx) => {
    const address = object.properties['instance_ip_address'];
    const source = await sourceOf(tx, object.refs, { address: text(address) }).catch(() => undefined);
    if (source !== undefined) releaseFrom(tx, source.subnets, address);
    return { known: [] };
  },
};

type Refs = Readonly<Record<string, readonly StoredRef[]>>;

/** The subnets that the references lead to; `undefined` where addresses are the operator's own affair. */
async function sourceOf(
  tx: Transaction,
  refs: Refs,
  request: Parameters<typeof subnetsOf>[2],
): Promise<{ readonly subnets: AddressSubnet[]; readonly name: string } | undefined> {
  const networks = await readAll(tx, refs['virtual_network_refs'] ?? []);
  const [network] = networks;
  if (network !== undefined) {
    return isUnmanaged(network)
      ? undefined
      : { subnets: await subnetsOf(tx, network, request), name: networkName(network) };
  }
  const ipams = await readAll(tx, refs['network_ipam_refs'] ?? []);
  if (ipams.length === 0) throw new HttpError(400, 'can only join an iterable');
  for (const ipam of ipams) tx.expectUnchanged(ipam);
  const name = `Network-Ipam(${repr(ipams[0]?.fqName)})`;
  return { subnets: ipams.flatMap((ipam) => flatSubnets(ipam, ipam.uuid)), name };
}

async function refuseGateway(
  tx: Transaction,
  draft: Draft,
  subnets: readonly AddressSubnet[],
  text: string,
): Promise<void> {
  const address = parseAddress(text);
  if (
    address === undefined ||
    !subnets.some(({ gateway, network }) => gateway === address.value && network.family === address.family)
  )
    return;
  const interfaces = await readAll(tx, draft.refs['virtual_machine_interface_refs'] ?? []);
  const isOfVm = interfaces.some(
    (port) => (port.refs['virtual_machine_refs'] ?? []).length > 0 || port.parentType === 'virtual-machine',
  );
  demand(!isOfVm, 400, 'Gateway IP cannot be used by VM port');
}

async function readAll(tx: Transaction, refs: readonly StoredRef[]): Promise<StoredObject[]> {
  return (await Promise.all(refs.map(({ uuid }) => tx.read(uuid)))).filter((object) => object !== undefined);
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
