/** What a NetworkConnection becomes: a policy whose rules let its networks talk, attached to each of them. Pure. */
import { uuidOf } from '../names.ts';
import {
  type ContrailObject,
  type FqName,
  fqNameText,
  type PolicyAddress,
  type PolicyRule,
  type PortRange,
} from '../objects.ts';
import type { End } from '../reference.ts';
import { policyOn } from './network.ts';
import { inProject, type Naming, ownerFor } from './owner.ts';
import { mirrorAction, type PodMirror } from './pod-mirror.ts';

export interface ConnectionInput {
  readonly namespace: string;
  readonly name: string;
  /** The networks, as the config database holds them: they are others', and only a reference is added to each. */
  readonly ends: readonly End[];
  /** Empty for all traffic. */
  readonly ports: readonly ConnectionPort[];
  /** The chain that its two networks are joined by, instead of directly. */
  readonly chain?: ChainedWay | undefined;
  /** Whom copies of what passes are sent to. */
  readonly mirror?: PodMirror | undefined;
}

/** Services between two networks. */
export interface ChainedWay {
  readonly left: FqName;
  readonly right: FqName;
  /** The service-instances, from left to right. */
  readonly services: readonly FqName[];
  /** Whether nobody on the right begins a flow, since the last service translates. */
  readonly isOneWay: boolean;
}

export interface ConnectionPort {
  readonly protocol: 'TCP' | 'UDP' | 'SCTP' | 'ICMP';
  readonly port?: number | undefined;
  readonly endPort?: number | undefined;
}

/** Everything under the key `NetworkConnection/<namespace>/<name>`. */
export function desiredConnection(input: ConnectionInput, naming: Naming): readonly ContrailObject[] {
  const { namespace, name, ends, ports, chain, mirror } = input;
  const fqName = naming.names.connectionPolicy(namespace, name);
  const owner = ownerFor({ kind: 'NetworkConnection', namespace, name }, naming);
  const identity = { type: 'network-policy', uuid: uuidOf('network-policy', fqName), fqName };
  const networks = ends.map(({ fq_name: network }) => network);
  const ways = chain === undefined ? directly(networks, mirror !== undefined) : through(chain);
  const ruled = ports.length === 0 ? ways.map((way) => way(EVERYTHING)) : rulesForAll(ports, ways);
  const rules = ruled.map((rule) => copied(rule, mirror));
  return [
    inProject(identity, owner, { display_name: name, network_policy_entries: { policy_rule: rules } }),
    ...ends.map((end) => policyOn(end, fqName)),
  ];
}

interface Traffic {
  readonly protocol: string;
  readonly ports: PortRange;
}

const ALL: PortRange = { start_port: -1, end_port: -1 };
const EVERYTHING: Traffic = { protocol: 'any', ports: ALL };

/** The rule that lets some traffic pass a way. */
type Way = (traffic: Traffic) => PolicyRule;

/** The config API refuses a rule that a policy has twice. */
function rulesForAll(ports: readonly ConnectionPort[], ways: readonly Way[]): readonly PolicyRule[] {
  const rules = ports.flatMap((port) => trafficOf(port).flatMap((traffic) => ways.map((way) => way(traffic))));
  return [...new Map(rules.map((rule) => [JSON.stringify(rule), rule])).values()];
}

/** ICMP is two protocols, one for each family. */
function trafficOf({ protocol, port, endPort }: ConnectionPort): readonly Traffic[] {
  const names = protocol === 'ICMP' ? ['icmp', 'icmp6'] : [protocol.toLowerCase()];
  const ports = port === undefined ? ALL : { start_port: port, end_port: endPort ?? port };
  return names.map((name) => ({ protocol: name, ports }));
}

/**
 * One way, from each to each: a rule for both ways would exchange the ports with the ends, and let in whoever sends from one. Where a rule
 * copies, it is from each to all others: what stays within a network is not the connection's, and would be copied, too.
 */
function directly(networks: readonly FqName[], isCopied: boolean): readonly Way[] {
  if (!isCopied || networks.length < 2) return [(traffic) => ruleBetween(networks, networks, traffic)];
  return networks.map((network) => {
    const others = networks.filter((other) => other !== network);
    return (traffic: Traffic) => ruleBetween([network], others, traffic);
  });
}

/** Services stand in the order in which the rule's flows pass them; the rule from the left says which side is which, so it is first. */
function through({ left, right, services, isOneWay }: ChainedWay): readonly Way[] {
  const forth = chained([left, right], services);
  return isOneWay ? [forth] : [forth, chained([right, left], services.toReversed())];
}

function chained([from, to]: readonly [from: FqName, to: FqName], services: readonly FqName[]): Way {
  const apply_service = services.map(fqNameText);
  return (traffic) => ({
    ...ruleBetween([from], [to], traffic),
    action_list: { simple_action: 'pass', apply_service },
  });
}

/** `null` takes away what stands there. */
function copied(rule: PolicyRule, mirror: PodMirror | undefined): PolicyRule {
  const mirror_to = mirror === undefined ? null : mirrorAction(mirror);
  return { ...rule, action_list: { ...rule.action_list, mirror_to } };
}

function ruleBetween(from: readonly FqName[], to: readonly FqName[], { protocol, ports }: Traffic): PolicyRule {
  return {
    direction: '>',
    protocol,
    src_addresses: from.map(addressOf),
    src_ports: [ALL],
    dst_addresses: to.map(addressOf),
    dst_ports: [ports],
    action_list: { simple_action: 'pass' },
  };
}

function addressOf(network: FqName): PolicyAddress {
  return { virtual_network: fqNameText(network) };
}
