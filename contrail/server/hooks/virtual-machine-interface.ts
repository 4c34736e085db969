/** Ports: MAC address, bindings, VLAN tag, and the routing instance of their network (facts 9 and 10). */
import { demand } from '../errors.ts';
import { after, type Change, type Draft, refsAfter, type TypeRules } from '../objects/draft.ts';
import type { StoredRef } from '../store/objects.ts';
import type { Transaction } from '../store/transaction.ts';

const BOTH_WAYS = {
  direction: 'both',
  vlan_tag: null,
  src_mac: null,
  dst_mac: null,
  mpls_label: null,
  service_chain_address: null,
  ipv6_service_chain_address: null,
  protocol: null,
};

interface Macs {
  readonly mac_address?: readonly string[];
}

interface Bindings {
  readonly key_value_pair?: readonly { readonly key: string; readonly value: string }[];
}

export const virtualMachineInterfaceRules: TypeRules = {
  guardedRefs: ['virtual_network_refs', 'virtual_machine_interface_refs'],
  beforeCreate: async (draft, tx) => {
    const [network] = draft.refs['virtual_network_refs'] ?? [];
    demand(network !== undefined, 400, 'virtual_network_refs is required');
    await checkSubInterface(tx, draft.properties, draft.refs['virtual_machine_interface_refs'] ?? [], draft.uuid);
    checkAddressPairs(draft.properties);
    draft.properties['virtual_machine_interface_mac_addresses'] = macsOf(draft);
    const bindings = draft.properties['virtual_machine_interface_bindings'];
    if (bindings !== undefined)
      draft.properties['virtual_machine_interface_bindings'] = completeBindings(bindings as Bindings);
    draft.refs['routing_instance_refs'] = await routingInstance(tx, network);
  },
  beforeUpdate: async (change, tx) => {
    const { properties, object } = change;
    const merged = { ...object.properties, ...properties };
    await checkTagChange(tx, change);
    checkAddressPairs(merged);
    const macs = properties['virtual_machine_interface_mac_addresses'] as Macs | undefined;
    if (macs !== undefined)
      properties['virtual_machine_interface_mac_addresses'] = { mac_address: (macs.mac_address ?? []).map(colons) };
    const [network] = change.refs['virtual_network_refs'] ?? [];
    if (network !== undefined) change.refs['routing_instance_refs'] = await routingInstance(tx, network);
  },
};

function macsOf(draft: Draft): Macs {
  const given = draft.properties['virtual_machine_interface_mac_addresses'] as Macs | undefined;
  const list = given?.mac_address ?? [];
  return { mac_address: list.length > 0 ? list.map(colons) : [macOf(draft.uuid)] };
}

/** `02:` and the first ten digits of the UUID, by its characters 0-7 and 9-10. */
function macOf(uuid: string): string {
  return `02:${uuid.slice(0, 2)}:${uuid.slice(2, 4)}:${uuid.slice(4, 6)}:${uuid.slice(6, 8)}:${uuid.slice(9, 11)}`;
}

function colons(mac: string): string {
  return mac.replaceAll('-', ':');
}

function completeBindings(bindings: Bindings): Bindings {
  const pairs = bindings.key_value_pair ?? [];
  if (pairs.some(({ key }) => key === 'vnic_type')) return bindings;
  return { key_value_pair: [...pairs, { key: 'vnic_type', value: 'normal' }] };
}

async function routingInstance(tx: Transaction, network: StoredRef): Promise<StoredRef[]> {
  const to = [...network.to, network.to.at(-1) ?? ''];
  const uuid = await tx.store.uuidOf('routing-instance', to);
  return uuid === undefined ? [] : [{ uuid, to, attr: BOTH_WAYS }];
}

function tagOf(properties: Readonly<Record<string, unknown>>): number {
  const value = properties['virtual_machine_interface_properties'] as
    | { sub_interface_vlan_tag?: number | null }
    | null
    | undefined;
  return value?.sub_interface_vlan_tag ?? 0;
}

async function checkSubInterface(
  tx: Transaction,
  properties: Readonly<Record<string, unknown>>,
  primaries: readonly StoredRef[],
  self: string,
): Promise<void> {
  const tag = tagOf(properties);
  demand(tag >= 0 && tag <= 4094, 400, `Invalid sub-interface VLAN tag ID: ${tag}`);
  if (tag === 0) return;
  for (const primary of await tx.store.readAll(primaries.map(({ uuid }) => uuid))) {
    demand(tagOf(primary.properties) === 0, 400, "sub interface can't have another sub interface as it's primary port");
    const others = (primary.refs['virtual_machine_interface_refs'] ?? []).filter(({ uuid }) => uuid !== self);
    const used = (await tx.store.readAll(others.map(({ uuid }) => uuid))).some(
      (other) => tagOf(other.properties) === tag,
    );
    demand(!used, 400, `Two sub interfaces under same primary port can't have same Vlan tag`);
  }
}

async function checkTagChange(tx: Transaction, change: Change): Promise<void> {
  const before = tagOf(change.object.properties);
  const now = tagOf({ virtual_machine_interface_properties: after(change, 'virtual_machine_interface_properties') });
  const primaries = refsAfter(change, 'virtual_machine_interface_refs');
  const isLinked = (change.object.refs['virtual_machine_interface_refs'] ?? []).length > 0;
  demand(before === now || !isLinked || before === 0, 400, 'Cannot change sub-interface VLAN tag ID');
  if (before !== now || 'virtual_machine_interface_refs' in change.refs) {
    await checkSubInterface(
      tx,
      { virtual_machine_interface_properties: { sub_interface_vlan_tag: now } },
      primaries,
      change.object.uuid,
    );
  }
}

function checkAddressPairs(properties: Readonly<Record<string, unknown>>): void {
  const value = properties['virtual_machine_interface_allowed_address_pairs'] as
    | { allowed_address_pair?: object[] }
    | null
    | undefined;
  const pairs = value?.allowed_address_pair ?? [];
  if (pairs.length === 0) return;
  demand(
    properties['port_security_enabled'] !== false,
    400,
    'Allowed address pairs are not allowed when port security is disabled',
  );
  demand(
    pairs.every((pair) => 'address_mode' in pair),
    400,
    "'address_mode'",
  );
}
