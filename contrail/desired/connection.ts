/** What a NetworkConnection becomes: a policy whose rules let its networks talk, attached to each of them. Pure. */
import { uuidOf } from '../names.ts';
import { type ContrailObject, type FqName, fqNameText, type PolicyRule, type PortRange } from '../objects.ts';
import type { End } from '../reference.ts';
import { policyOn } from './network.ts';
import { inProject, type Naming, ownerFor } from './owner.ts';

export interface ConnectionInput {
  readonly namespace: string;
  readonly name: string;
  /** The networks, as the config database holds them: they are others', and only a reference is added to each. */
  readonly ends: readonly End[];
  /** Empty for all traffic. */
  readonly ports: readonly ConnectionPort[];
}

export interface ConnectionPort {
  readonly protocol: 'TCP' | 'UDP' | 'SCTP' | 'ICMP';
  readonly port?: number | undefined;
  readonly endPort?: number | undefined;
}

/** Everything under the key `NetworkConnection/<namespace>/<name>`. */
export function desiredConnection(input: ConnectionInput, naming: Naming): readonly ContrailObject[] {
  const { namespace, name, ends, ports } = input;
  const fqName = naming.names.connectionPolicy(namespace, name);
  const owner = ownerFor({ kind: 'NetworkConnection', namespace, name }, naming);
  const identity = { type: 'network-policy', uuid: uuidOf('network-policy', fqName), fqName };
  const networks = ends.map(({ fq_name: network }) => network);
  const rules = ports.length === 0 ? [ruleBetween(networks, EVERYTHING)] : rulesForAll(ports, networks);
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

/** The config API refuses a rule that a policy has twice. */
function rulesForAll(ports: readonly ConnectionPort[], networks: readonly FqName[]): readonly PolicyRule[] {
  const rules = ports.flatMap((port) => rulesFor(port, networks));
  return [...new Map(rules.map((rule) => [JSON.stringify(rule), rule])).values()];
}

/** ICMP is two protocols, one for each family. */
function rulesFor({ protocol, port, endPort }: ConnectionPort, networks: readonly FqName[]): readonly PolicyRule[] {
  const names = protocol === 'ICMP' ? ['icmp', 'icmp6'] : [protocol.toLowerCase()];
  const ports = port === undefined ? ALL : { start_port: port, end_port: endPort ?? port };
  return names.map((name) => ruleBetween(networks, { protocol: name, ports }));
}

/** One way, from each to each: a rule for both ways would exchange the ports with the ends, and let in whoever sends from one. */
function ruleBetween(networks: readonly FqName[], { protocol, ports }: Traffic): PolicyRule {
  const addresses = networks.map((network) => ({ virtual_network: fqNameText(network) }));
  return {
    direction: '>',
    protocol,
    src_addresses: addresses,
    src_ports: [ALL],
    dst_addresses: addresses,
    dst_ports: [ports],
    action_list: { simple_action: 'pass' },
  };
}
