/** Service groups, firewall rules and application policy sets (facts 10 and 11). */
import type { FqName } from '../../objects.ts';
import { demand, HttpError } from '../errors.ts';
import type { Draft, TypeRules } from '../objects/draft.ts';
import type { StoredObject, StoredRef } from '../store/objects.ts';
import type { Transaction } from '../store/transaction.ts';
import { TAG_TYPES } from './tag.ts';

/** Numbers by name (IANA); `any` is 0. */
const PROTOCOL_NUMBERS = new Map(
  `any 0, hopopt 0, ip 0, icmp 1, igmp 2, ipip 4, tcp 6, egp 8, udp 17, dccp 33, ipv6-encap 41, ipv6-route 43, ipv6-frag 44,
   rsvp 46, gre 47, esp 50, ah 51, icmp6 58, ipv6-icmp 58, ipv6-nonxt 59, ipv6-opts 60, ospf 89, vrrp 112, pgm 113, sctp 132,
   udplite 136`
    .split(',')
    .map((entry) => entry.trim().split(' '))
    .map(([name = '', number]): [string, number] => [name, Number(number)]),
);

interface Service {
  readonly protocol?: string | null;
  readonly [field: string]: unknown;
}

interface Endpoint {
  readonly tags?: readonly string[] | null;
  readonly address_group?: string | null;
  readonly virtual_network?: string | null;
  readonly subnet?: object | null;
  readonly any?: boolean | null;
  readonly [field: string]: unknown;
}

type Values = Record<string, unknown>;

export const serviceGroupRules: TypeRules = {
  beforeCreate: (draft) => completeServices(draft.properties),
  beforeUpdate: (change) => completeServices(change.properties),
};

export const applicationPolicySetRules: TypeRules = {
  beforeCreate: (draft) =>
    demand(
      draft.properties['all_applications'] !== true,
      400,
      "Application policy set 'all-applications' flag is read-only",
    ),
  beforeUpdate: ({ object, properties }) => {
    const same =
      !('all_applications' in properties) ||
      properties['all_applications'] === (object.properties['all_applications'] ?? false);
    demand(same, 400, "Application policy set 'all-applications' flag is read-only");
  },
  beforeDelete: (object) => {
    demand(
      object.properties['all_applications'] !== true,
      400,
      'Application policy set defined on all applications cannot be deleted',
    );
    return { known: [] };
  },
};

export const firewallRuleRules: TypeRules = {
  beforeCreate: async (draft, tx) => {
    demand(!draft.refs['tag_refs']?.length, 400, 'Tag references are not settable, use endpoints');
    demand(!draft.refs['address_group_refs']?.length, 400, 'Address Group references are not settable, use endpoints');
    checkService(draft.properties['service'], draft.refs['service_group_refs'] ?? []);
    draft.properties['match_tag_types'] = matchTagTypes(draft.properties['match_tags']);
    completeService(draft.properties);
    const refs = await completeEndpoints(tx, draft, draft.properties);
    draft.refs['tag_refs'] = refs.tags;
    draft.refs['address_group_refs'] = refs.groups;
  },
  beforeUpdate: async (change, tx) => {
    const { object, properties } = change;
    const merged = { ...object.properties, ...properties };
    checkService(merged['service'], change.refs['service_group_refs'] ?? object.refs['service_group_refs'] ?? []);
    if ('match_tags' in properties) properties['match_tag_types'] = matchTagTypes(properties['match_tags']);
    if ('service' in properties) completeService(properties);
    if (!('endpoint_1' in properties) && !('endpoint_2' in properties)) return;
    const refs = await completeEndpoints(tx, object, merged);
    Object.assign(properties, { endpoint_1: merged['endpoint_1'], endpoint_2: merged['endpoint_2'] });
    Object.assign(change.refs, { tag_refs: refs.tags, address_group_refs: refs.groups });
  },
};

function completeServices(properties: Values): void {
  const list = properties['service_group_firewall_service_list'] as { firewall_service?: Service[] } | null | undefined;
  if (!list?.firewall_service) return;
  properties['service_group_firewall_service_list'] = {
    ...list,
    firewall_service: list.firewall_service.map(withProtocolId),
  };
}

function completeService(properties: Values): void {
  const service = properties['service'] as Service | null | undefined;
  if (service) properties['service'] = withProtocolId(service);
}

function withProtocolId(service: Service): Service {
  const id = PROTOCOL_NUMBERS.get((service.protocol ?? '').toLowerCase());
  if (id === undefined) throw new HttpError(400, `Invalid protocol: ${service.protocol}`);
  return { ...service, protocol_id: id };
}

function checkService(service: unknown, groups: readonly StoredRef[]): void {
  demand(
    !service || groups.length === 0,
    400,
    "Firewall Rule cannot have both defined 'service' property and Service Group reference(s)",
  );
  demand(
    Boolean(service) || groups.length > 0,
    400,
    "Firewall Rule requires at least 'service' property or Service Group references(s)",
  );
}

/** Rules match on the application unless they say otherwise. */
function matchTagTypes(given: unknown): { tag_type: number[] } {
  const list = (given as { tag_list?: string[] } | null | undefined)?.tag_list;
  if (list === undefined) return { tag_type: [1] };
  const types = list.map((name) => {
    const id = TAG_TYPES.indexOf(name.toLowerCase());
    demand(id > 0, 400, id === 0 ? 'labels not allowed as match-tags' : `Invalid match-tag ${name}`);
    return id;
  });
  return { tag_type: types };
}

type Scope = Pick<Draft | StoredObject, 'fqName' | 'parentType'>;

async function completeEndpoints(
  tx: Transaction,
  rule: Scope,
  properties: Values,
): Promise<{ tags: StoredRef[]; groups: StoredRef[] }> {
  const tags: StoredRef[] = [];
  const groups: StoredRef[] = [];
  for (const name of ['endpoint_1', 'endpoint_2']) {
    const endpoint = properties[name] as Endpoint | null | undefined;
    if (!endpoint) continue;
    const kinds = [
      endpoint.tags?.length,
      endpoint.address_group,
      endpoint.virtual_network,
      endpoint.subnet,
      endpoint.any,
    ].filter(Boolean);
    demand(kinds.length <= 1, 400, 'Endpoint is limited to only one endpoint type at a time');
    const found = await Promise.all((endpoint.tags ?? []).map((tag) => requireNamed(tx, 'tag', tagName(rule, tag))));
    tags.push(...found.map(refTo));
    properties[name] = { ...endpoint, tag_ids: found.map((tag) => Number(tag.properties['tag_id'])) };
    if (endpoint.address_group)
      groups.push(refTo(await requireNamed(tx, 'address-group', endpoint.address_group.split(':'))));
  }
  return { tags: unique(tags), groups: unique(groups) };
}

/** `global:type=value` is global, anything else belongs to the rule's project. */
function tagName(rule: Scope, text: string): FqName {
  const name = text.replace(/^global:/, '').replace(/^[^=]+/, (type) => type.toLowerCase());
  return text.startsWith('global:') || rule.parentType !== 'project' ? [name] : [...rule.fqName.slice(0, -1), name];
}

async function requireNamed(tx: Transaction, type: string, fqName: FqName): Promise<StoredObject> {
  const object = await tx.find(type, fqName);
  if (object === undefined) throw new HttpError(404, `Unknown id: ${type.replaceAll('-', '_')} ${fqName.join(':')}`);
  return object;
}

function refTo(object: StoredObject): StoredRef {
  return { uuid: object.uuid, to: object.fqName, attr: null };
}

function unique(refs: readonly StoredRef[]): StoredRef[] {
  return [...new Map(refs.map((ref) => [ref.uuid, ref])).values()];
}
