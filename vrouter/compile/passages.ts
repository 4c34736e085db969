/**
 * The reachability matrix from network policies (facts 1.1c). Two networks may talk when a policy attached to both has a
 * rule that passes everything between them; rules for single protocols or ports grant nothing yet. Pure.
 */
import { fqNameText } from '../../contrail/objects.ts';
import type { NetworkPolicy, PolicyAddress, PolicyRule } from '../../contrail/objects.ts';
import type { InstanceId, Network, Passage } from '../model.ts';
import type { ConfigIndex } from './index-config.ts';

/** All passages, each once, in the order of ids; every network reaches itself. */
export function compilePassages(config: ConfigIndex, networks: readonly Network[]): readonly Passage[] {
  const byUuid = new Map(networks.map((network) => [network.uuid, network]));
  const attached = (policy: NetworkPolicy): readonly Network[] =>
    config.referrers(policy.uuid, 'virtual-network').flatMap((network) => byUuid.get(network.uuid) ?? []);
  const found = new Map<string, Passage>();
  const add = (from: InstanceId, to: InstanceId): void => void found.set(`${from} ${to}`, { from, to });
  for (const { id } of networks) add(id, id);
  for (const policy of config.all('network-policy')) {
    const members = attached(policy);
    for (const rule of (policy.network_policy_entries?.policy_rule ?? []).filter(passesEverything)) {
      const sources = matching(rule.src_addresses, policy, members);
      const targets = matching(rule.dst_addresses, policy, members);
      connect(rule, sources, targets).forEach(([from, to]) => add(from, to));
    }
  }
  return [...found.values()].sort((a, b) => a.from - b.from || a.to - b.to);
}

function passesEverything(rule: PolicyRule): boolean {
  const ports = [...(rule.src_ports ?? []), ...(rule.dst_ports ?? [])];
  return (
    passes(rule) && rule.protocol === 'any' && ports.every((range) => range.start_port === -1 && range.end_port === -1)
  );
}

function passes({ action_list: actions }: PolicyRule): boolean {
  return (actions?.simple_action ?? 'pass') === 'pass' && (actions?.apply_service ?? []).length === 0;
}

/** The attached networks that an address of a rule stands for; a rule cannot speak of networks it is not attached to. */
function matching(
  addresses: readonly PolicyAddress[],
  policy: NetworkPolicy,
  members: readonly Network[],
): readonly Network[] {
  const own = fqNameText(policy.fq_name);
  return members.filter((network) =>
    addresses.some(
      ({ virtual_network: name, network_policy: named }) =>
        name === 'any' || name === 'local' || name === network.name || named === own,
    ),
  );
}

function connect(
  rule: PolicyRule,
  sources: readonly Network[],
  targets: readonly Network[],
): (readonly [InstanceId, InstanceId])[] {
  return sources.flatMap((source) =>
    targets.flatMap((target) => {
      const forth = [source.id, target.id] as const;
      return rule.direction === '<>' ? [forth, [target.id, source.id] as const] : [forth];
    }),
  );
}
