/** What ports may exchange with whom, by security groups and firewall policies, and who the others are that these name. Pure. */
import type { VirtualMachineInterface } from '../../contrail/objects.ts';
import type { Network, Port } from '../model/networks.ts';
import type { GroupMember, PeerTest, PortPolicy } from '../model/policy.ts';
import { orderedRulesOf } from './decision.ts';
import { addressesOf } from './endpoints.ts';
import { compileFirewall } from './firewall.ts';
import type { ConfigIndex } from './index-config.ts';
import { groupAllowances, groupNames, isSpokenOf } from './security-groups.ts';
import { isMeant, type Somebody } from './somebody.ts';
import { createTags, type TagsOf } from './tags.ts';

export interface Policies {
  /** Of ports that are judged, in the order of the ports. */
  readonly policies: readonly PortPolicy[];
  /** The addresses of interfaces that some policy names as peers. */
  readonly members: readonly GroupMember[];
}

/** The policies of one node's ports. */
export function compilePolicies(config: ConfigIndex, networks: readonly Network[], ports: readonly Port[]): Policies {
  const tagsOf = createTags(config);
  const firewall = compileFirewall(config, tagsOf);
  const policies = ports.flatMap((port): readonly PortPolicy[] => {
    const vmi = config.get('virtual-machine-interface', port.vmi);
    if (vmi === undefined || vmi.port_security_enabled === false) return [];
    const tiers = tiersOf(config, vmi, firewall.tiersOf(port));
    const policy = { ...groupAllowances(config, vmi), ...(tiers === undefined ? {} : { tiers }) };
    return Object.keys(policy).length === 0 ? [] : [{ vmi: port.vmi, groups: groupNames(vmi), ...policy }];
  });
  return { policies, members: membersOf(config, { networks, policies, groups: firewall.groups, tagsOf }) };
}

type PortTiers = NonNullable<PortPolicy['tiers']>;

/** What a NetworkPolicy has decided, the baseline is not asked about, even where everything is allowed. */
function tiersOf(
  config: ConfigIndex,
  vmi: VirtualMachineInterface,
  tiers: PortTiers | undefined,
): PortTiers | undefined {
  const kept = (['ingress', 'egress'] as const).flatMap((direction) => {
    const { baseline, ...rest } = tiers?.[direction] ?? {};
    const own = baseline === undefined || isSpokenOf(config, vmi, direction) ? rest : { baseline, ...rest };
    return Object.keys(own).length === 0 ? [] : [[direction, own] as const];
  });
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

interface Wanted {
  readonly networks: readonly Network[];
  readonly policies: readonly PortPolicy[];
  /** Groups that are none of security: whoever has some tags. */
  readonly groups: ReadonlyMap<string, Somebody>;
  readonly tagsOf: TagsOf;
}

function membersOf(config: ConfigIndex, { networks, policies, groups, tagsOf }: Wanted): readonly GroupMember[] {
  const named = new Set(policies.flatMap(peersOf).flatMap((peer) => (peer.kind === 'group' ? [peer.group] : [])));
  if (named.size === 0) return [];
  const byUuid = new Map(networks.map((network) => [network.uuid, network]));
  return config.all('virtual-machine-interface').flatMap((vmi) => {
    const network = byUuid.get(config.uuids(vmi, 'virtual-network')[0] ?? '');
    if (network === undefined) return [];
    const secured = groupNames(vmi).filter((group) => named.has(group));
    const meant = taggedGroups(vmi, { groups, tagsOf, network: network.name });
    return addressesOf(config, vmi.uuid).flatMap((address) => {
      const all = [...secured, ...meant(address)].sort();
      return all.length === 0 ? [] : [{ address, network: network.id, groups: all }];
    });
  });
}

function taggedGroups(
  vmi: VirtualMachineInterface,
  { groups, tagsOf, network }: Pick<Wanted, 'groups' | 'tagsOf'> & { readonly network: string },
): (address: string) => readonly string[] {
  if (groups.size === 0) return () => [];
  const tags = tagsOf(vmi);
  return (address) => [...groups].filter(([, who]) => isMeant(who, { tags, network, address })).map(([group]) => group);
}

function peersOf({ ingress = [], egress = [], tiers }: PortPolicy): readonly PeerTest[] {
  const ordered = [tiers?.ingress, tiers?.egress].flatMap((each) => (each === undefined ? [] : orderedRulesOf(each)));
  return [...ingress, ...egress, ...ordered].map(({ peer }) => peer);
}
