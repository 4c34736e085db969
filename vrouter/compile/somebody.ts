/** Whom an end of a firewall rule means, and how those are known to the ports that it is judged for. Pure. */
import type { AddressGroup, FirewallRule } from '../../contrail/firewall.ts';
import { tagNameOf } from '../../contrail/firewall.ts';
import { fqNameText, type Subnet } from '../../contrail/objects.ts';
import { rangeOf, valueOf } from '../linux/address-value.ts';
import type { PeerTest } from '../model/policy.ts';
import type { ConfigIndex } from './index-config.ts';
import { ownTags, typeOf } from './tags.ts';

/** Whoever has all of this; without anything, everybody. */
export interface Somebody {
  readonly tags?: readonly string[];
  /** A network's full name. */
  readonly network?: string;
  /** A CIDR. */
  readonly block?: string;
}

/** An address of an interface. */
export interface Holder {
  readonly tags: readonly string[];
  readonly network: string;
  readonly address: string;
}

/** The ends of rules. */
export type EndOf = (rule: FirewallRule, end: 'endpoint_1' | 'endpoint_2') => readonly Somebody[];

/** The alternatives of rules' ends. */
export function createEnds(config: ConfigIndex): EndOf {
  const groups = new Map(config.all('address-group').map((group) => [fqNameText(group.fq_name), group]));
  return (rule, name) => {
    const { tags, virtual_network: network, subnet, address_group: group } = rule[name] ?? {};
    if (tags?.length) return [{ tags: tags.map((tag) => tagNameOf(tag, rule)).sort() }];
    if (network) return [network === 'any' ? {} : { network }];
    if (subnet?.ip_prefix) return [{ block: cidrOf(subnet) }];
    return group ? membersOf(groups.get(group), rule.action_list?.simple_action) : [{}];
  };
}

/** Whether somebody is meant. */
export function isMeant({ tags = [], network, block }: Somebody, holder: Holder): boolean {
  return (
    tags.every((tag) => holder.tags.includes(tag)) &&
    (network === undefined || network === holder.network) &&
    (block === undefined || isInside(holder.address, block))
  );
}

/** Somebody who, besides, has the same tags of some types as the other end; nobody, where that has none. */
export function alike(who: Somebody, own: readonly string[], types: readonly string[]): readonly Somebody[] {
  const wanted = types.map((type) => own.filter((tag) => typeOf(tag) === type));
  if (wanted.some((tags) => tags.length === 0)) return [];
  return [{ ...who, tags: [...new Set([...(who.tags ?? []), ...wanted.flat()])].sort() }];
}

/** How an end is looked up: by block, or by the name of a group that `known` then holds. */
export function testsOf(who: Somebody, known: Map<string, Somebody>): readonly PeerTest[] {
  const { tags = [], network, block } = who;
  if (tags.length === 0 && network === undefined)
    return (block === undefined ? ['0.0.0.0/0', '::/0'] : [block]).map((cidr) => ({ kind: 'block', cidr }));
  const group = ['tags', ...tags, ...(network === undefined ? [] : ['network', network]), block].join(' ').trim();
  known.set(group, who);
  return (['4', '6'] as const).map((family) => ({ kind: 'group', group, family }));
}

/** Whether an address lies in a block of its own family. */
export function isInside(address: string, cidr: string): boolean {
  if (address.includes(':') !== cidr.includes(':')) return false;
  const [first, last] = rangeOf(cidr);
  const value = valueOf(address);
  return value >= first && value <= last;
}

/** A group that is not there means nobody where a rule passes, and everybody where it denies. */
function membersOf(group: AddressGroup | undefined, action: string | undefined): readonly Somebody[] {
  if (group === undefined) return action === 'pass' ? [] : [{}];
  const tags = [...ownTags(group)].sort();
  const blocks = (group.address_group_prefix?.subnet ?? []).map((subnet) => ({ block: cidrOf(subnet) }));
  return tags.length === 0 ? blocks : [...blocks, { tags }];
}

function cidrOf({ ip_prefix: prefix, ip_prefix_len: length }: Subnet): string {
  return `${prefix}/${length}`;
}
