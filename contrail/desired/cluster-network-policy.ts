/**
 * What a ClusterNetworkPolicy becomes: a firewall policy in the set for all applications, with tags that pods are given for it. Names
 * say what an object holds, so that a change makes new objects, and one write of the policy turns from the old to the new. Pure.
 */
import { createHash } from 'node:crypto';
import { uuidOf } from '../names.ts';
import type { ContrailObject, FqName, Subnet } from '../objects.ts';
import { annotationsFor, type Owner } from '../ownership.ts';
import { type End, referenceBetween } from '../reference.ts';
import { ACTION, DIRECTION, TIER, TITLE } from '../tiers.ts';
import { type Naming, ownerFor } from './owner.ts';
import { mirrorAction, type PodMirror } from './pod-mirror.ts';
import { LABEL, tagName, tagObject } from './tag.ts';

export interface ClusterPolicyInput {
  readonly name: string;
  readonly tier: 'Admin' | 'Baseline';
  readonly priority: number;
  /** Values of the tags that its rules, or pods, speak of. */
  readonly tags: readonly string[];
  /** In order. */
  readonly rules: readonly ClusterRuleInput[];
  /** Whom what its rules accept is copied to. */
  readonly mirror?: PodMirror;
}

export interface ClusterRuleInput {
  readonly title: string;
  readonly direction: 'ingress' | 'egress';
  readonly action: 'Accept' | 'Deny' | 'Pass';
  /** The tag of those whom the rule is for. */
  readonly subject: string;
  readonly peer: ClusterPeerInput;
  /** Absent: everything. */
  readonly services?: readonly ServiceInput[];
}

export type ClusterPeerInput =
  | { readonly kind: 'everybody' }
  | { readonly kind: 'tag'; readonly tag: string }
  | { readonly kind: 'blocks'; readonly subnets: readonly Subnet[] };

export interface ServiceInput {
  readonly protocol: string;
  readonly ports: readonly [first: number, last: number];
}

const ROOT = 'default-policy-management';
/** The set of policies that are for every interface. */
export const GLOBAL_SET: FqName = [ROOT, 'default-application-policy-set'];

/** The names of a policy's objects all begin with this. */
export function clusterPolicyPrefix(name: string, cluster: string): string {
  return `${cluster}-cnp__${name}`;
}

/** The full name of a tag by its value. */
export function labelTag(value: string): FqName {
  return tagName({ type: LABEL, value });
}

/** Everything under the key `ClusterNetworkPolicy/<name>`. */
export function desiredClusterPolicy(input: ClusterPolicyInput, set: End, naming: Naming): readonly ContrailObject[] {
  const { name, tier, priority } = input;
  const owner = ownerFor({ kind: 'ClusterNetworkPolicy', name }, naming);
  const prefix = clusterPolicyPrefix(name, naming.cluster);
  const rules = input.rules.map((rule) => ruleObjects(rule, { prefix, owner, mirror: input.mirror }));
  // One that says again what an earlier one says has nothing to add.
  const refs = new Map(
    rules
      .map(({ rule }, place) => [rule.uuid, { to: rule.fq_name, attr: { sequence: sequence(place) } }] as const)
      .toReversed(),
  );
  const policy = made('firewall-policy', prefix, {
    ...annotationsFor(owner, { [TIER]: tier }),
    firewall_rule_refs: [...refs.values()].toReversed(),
  });
  return [
    ...input.tags.map((value) => tagObject({ type: LABEL, value }, owner)),
    ...distinct(rules.flatMap(({ rule, others }) => [...others, rule])),
    policy,
    referenceBetween(set, policy, { sequence: sequence(priority) }),
  ];
}

interface RuleContext {
  readonly prefix: string;
  readonly owner: Owner;
  readonly mirror: PodMirror | undefined;
}

function ruleObjects(input: ClusterRuleInput, { prefix, owner, mirror }: RuleContext) {
  const group = input.peer.kind === 'blocks' ? addressGroup(input.peer.subnets, prefix, owner) : undefined;
  const services = input.services === undefined ? undefined : serviceGroup(input.services, prefix, owner);
  const own = { tags: labelTag(input.subject) };
  const other = endOf(input.peer, group);
  const { title, direction, action } = input;
  const fields = {
    action_list: {
      simple_action: action === 'Deny' ? 'deny' : 'pass',
      ...(mirror === undefined || action !== 'Accept' ? {} : { mirror_to: mirrorAction(mirror) }),
    },
    direction: '>',
    endpoint_1: direction === 'ingress' ? other : own,
    endpoint_2: direction === 'ingress' ? own : other,
    ...(services === undefined
      ? { service: EVERYTHING }
      : { service_group_refs: [{ to: services.fq_name, attr: null }] }),
  };
  const marks = annotationsFor(owner, { [DIRECTION]: direction, [ACTION]: action, [TITLE]: title });
  const rule = made('firewall-rule', `${prefix}__${digestOf([fields, marks])}`, { ...fields, ...marks });
  return { rule, others: [group, services].filter((each) => each !== undefined) };
}

const EVERYTHING = { protocol: 'any', dst_ports: { start_port: 0, end_port: 65_535 } };

function endOf(peer: ClusterPeerInput, group: ContrailObject | undefined) {
  if (group !== undefined) return { address_group: group.fq_name.join(':') };
  return peer.kind === 'tag' ? { tags: labelTag(peer.tag) } : { any: true };
}

function addressGroup(subnets: readonly Subnet[], prefix: string, owner: Owner): ContrailObject {
  const fields = { address_group_prefix: { subnet: subnets } };
  return made('address-group', `${prefix}__${digestOf(fields)}`, { ...fields, ...annotationsFor(owner) });
}

function serviceGroup(services: readonly ServiceInput[], prefix: string, owner: Owner): ContrailObject {
  const list = services.map(({ protocol, ports: [first, last] }) => ({
    protocol,
    dst_ports: { start_port: first, end_port: last },
  }));
  const fields = { service_group_firewall_service_list: { firewall_service: list } };
  return made('service-group', `${prefix}__${digestOf(fields)}`, { ...fields, ...annotationsFor(owner) });
}

function made(type: string, name: string, fields: Readonly<Record<string, unknown>>): ContrailObject {
  const fqName = [ROOT, name];
  return { type, uuid: uuidOf(type, fqName), fq_name: fqName, parent_type: 'policy-management', ...fields };
}

function distinct(objects: readonly ContrailObject[]): readonly ContrailObject[] {
  return [...new Map(objects.map((object) => [object.uuid, object])).values()];
}

function digestOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
}

/** Compared as text. */
function sequence(place: number): string {
  return `${String(place).padStart(5, '0')}.0`;
}
