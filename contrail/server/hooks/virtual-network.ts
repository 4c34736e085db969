/** Networks: number, subnets, default routing instance, sharing (facts 9 and 10). */
import type { ProviderDetails } from '../../objects.ts';
import { demand, HttpError } from '../errors.ts';
import { derivedObject } from '../objects/derived.ts';
import { after, type Change, type Draft, type Removal, refsAfter, type TypeRules } from '../objects/draft.ts';
import type { Perms2 } from '../objects/perms.ts';
import type { StoredObject } from '../store/objects.ts';
import type { Transaction } from '../store/transaction.ts';
import { completeLinks, dropSubnets } from './network-subnets.ts';
import { checkRouteTargets } from './route-targets.ts';

/** Numbers of networks are VNIs and marks of the data plane, which has room for these. */
const NETWORK_NUMBERS = { key: 'network', from: 1, to: 32_767 };
const NO_NUMBER = new HttpError(500, 'No free virtual network ID');
const IS_UNIQUE_NAME = ['ip-fabric', 'dci-network'];

export const virtualNetworkRules: TypeRules = {
  guardedRefs: ['network_ipam_refs'],
  beforeCreate: async (draft, tx) => {
    await checkRouteTargets(tx, draft.properties['route_target_list']);
    await drawNumber(draft, tx);
    claimVxlan(tx, vxlanOf(draft.properties['virtual_network_properties']));
    checkProvider(draft.properties['provider_properties']);
    Object.assign(draft.properties, sharing(draft.properties, draft.properties['perms2'] as Perms2));
    const network = { uuid: draft.uuid, fqName: draft.fqName, properties: draft.properties };
    const links = await completeLinks(tx, network, { wanted: draft.refs['network_ipam_refs'] ?? [], before: [] });
    if (draft.refs['network_ipam_refs'] !== undefined) draft.refs['network_ipam_refs'] = links;
    addRoutingInstances(draft, tx);
  },
  beforeUpdate: async (change, tx) => {
    const { object, properties } = change;
    const number = properties['virtual_network_network_id'];
    const same = number === undefined || number === object.properties['virtual_network_network_id'];
    demand(same, 403, 'Cannot update the virtual network ID');
    if ('route_target_list' in properties) await checkRouteTargets(tx, properties['route_target_list']);
    changeVxlan(change, tx);
    if ('is_shared' in properties || 'router_external' in properties || 'perms2' in properties) changeSharing(change);
    if (change.refs['network_ipam_refs'] !== undefined) {
      const merged = { ...object.properties, ...properties };
      const lists = { wanted: change.refs['network_ipam_refs'], before: object.refs['network_ipam_refs'] ?? [] };
      change.refs['network_ipam_refs'] = await completeLinks(
        tx,
        { uuid: object.uuid, fqName: object.fqName, properties: merged },
        lists,
      );
    }
    demand(
      refsAfter(change, 'virtual_network_refs').length <= 1,
      400,
      'Non Provider Virtual Network can be connected to one provider Virtual Network',
    );
  },
  beforeDelete: async (object, tx) => removeNetwork(object, tx),
};

async function drawNumber(draft: Draft, tx: Transaction): Promise<void> {
  const given = draft.properties['virtual_network_network_id'];
  if (given !== undefined) {
    // A rebuild lays networks with the numbers that packets on the wire still carry.
    const { state } = await tx.store.state();
    demand(state === 'rebuilding', 403, 'Cannot set the virtual network ID');
    tx.number(
      { ...NETWORK_NUMBERS, value: Number(given) },
      new HttpError(409, `virtual network ID ${Number(given)} is in use`),
    );
    return;
  }
  const number = tx.number(NETWORK_NUMBERS, NO_NUMBER);
  tx.numberField({ object: draft.uuid, field: 'p:virtual_network_network_id', format: '%d', numbers: [number] });
}

function vxlanOf(properties: unknown): number | undefined {
  const id = (properties as { vxlan_network_identifier?: number | null } | null | undefined)?.vxlan_network_identifier;
  return id ?? undefined;
}

function claimVxlan(tx: Transaction, id: number | undefined): void {
  if (id === undefined) return;
  tx.number(
    { key: 'network', from: 1, to: id, value: id },
    new HttpError(400, `Cannot set VXLAN_ID: ${id}, it has already been set`),
  );
}

function changeVxlan(change: Change, tx: Transaction): void {
  const before = vxlanOf(change.object.properties['virtual_network_properties']);
  const now = vxlanOf(after(change, 'virtual_network_properties'));
  if (before === now) return;
  if (before !== undefined) tx.freeNumber('network', 1, before);
  claimVxlan(tx, now);
}

/** The physical network and the VLAN in it are said together (facts 10, in a controller's own words). */
function checkProvider(properties: unknown): void {
  if (properties === undefined || properties === null) return;
  const { segmentation_id: vlan, physical_network: physical } = properties as ProviderDetails;
  demand(vlan !== undefined && vlan !== null, 400, 'Segmenation id must be configured');
  demand(Boolean(physical), 400, 'physical network must be configured');
}

/** `is_shared` is global access 7, `router_external` is 5; a contradiction is refused. */
function sharing(properties: Readonly<Record<string, unknown>>, perms2: Perms2): Record<string, unknown> {
  const { is_shared: shared, router_external: external } = properties;
  const isShared = shared ?? perms2.global_access === 7;
  if (isShared && external) throw new HttpError(400, 'VN can not be shared and external at same time');
  const access = isShared ? 7 : external ? 5 : perms2.global_access;
  return { is_shared: isShared, perms2: { ...perms2, global_access: access } };
}

function changeSharing(change: Change): void {
  const { object, properties } = change;
  const given = properties['perms2'] as Perms2 | undefined;
  const perms2 = given ?? (object.properties['perms2'] as Perms2);
  const implied = given === undefined ? object.properties['is_shared'] : given.global_access === 7;
  const merged = { is_shared: properties['is_shared'] ?? implied, router_external: after(change, 'router_external') };
  // What made the network shared no longer does.
  const isClosed = properties['is_shared'] === false && perms2.global_access === 7;
  Object.assign(properties, sharing(merged, isClosed ? { ...perms2, global_access: 0 } : perms2));
}

/** The default routing instance; the fabric networks have a second one of old. */
function addRoutingInstances(draft: Draft, tx: Transaction): void {
  const name = draft.fqName.at(-1) ?? '';
  const parent = { type: 'virtual-network', uuid: draft.uuid };
  const own = derivedObject('routing-instance', [...draft.fqName, name], {
    parent,
    properties: { routing_instance_is_default: true },
  });
  tx.create(own);
  const isFabric = IS_UNIQUE_NAME.includes(name) && draft.fqName[1] === 'default-project';
  if (isFabric) tx.create(derivedObject('routing-instance', [...draft.fqName, '__default__'], { parent }));
}

async function removeNetwork(object: StoredObject, tx: Transaction): Promise<Removal> {
  const number = object.properties['virtual_network_network_id'];
  if (typeof number === 'number') tx.freeNumber('network', 1, number);
  const vxlan = vxlanOf(object.properties['virtual_network_properties']);
  if (vxlan !== undefined) tx.freeNumber('network', 1, vxlan);
  await dropSubnets(tx, object);
  return { known: [] };
}
