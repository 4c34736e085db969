/**
 * Contrail's firewall policies as ordered rules of a port (facts 4.7): those of the sets of all applications come first, the system's
 * before the project's, then those of the sets that have the port's application tag. The first rule that means a flow decides, and a
 * flow that none means is denied. Policies that say they are a ClusterNetworkPolicy's stand in the tier that they name instead. Pure.
 */
import type {
  ApplicationPolicySet,
  FirewallPolicy,
  FirewallRule,
  FirewallService,
  Sequence,
} from '../../contrail/firewall.ts';
import { ACTION, DIRECTION, TIER, TITLE } from '../../contrail/tiers.ts';
import { annotationOf, fqNameText } from '../../contrail/objects.ts';
import type { ContrailObject, Reference } from '../../contrail/objects.ts';
import { familyOf } from '../linux/family.ts';
import type { Port, Traffic } from '../model/networks.ts';
import type { Direction, OrderedRule, Tiers } from '../model/policy.ts';
import type { ConfigIndex } from './index-config.ts';
import { analyzerOf } from './mirrors.ts';
import { referencesOf } from './index-config.ts';
import { trafficOf } from './rule-traffic.ts';
import { alike, createEnds, type EndOf, isMeant, type Somebody, testsOf } from './somebody.ts';
import { ownTags, type TagsOf, typeOf } from './tags.ts';
import { ALL_PORTS } from './traffic.ts';

export interface Firewall {
  /** What is judged for a port beside its security groups; absent where nothing is. */
  readonly tiersOf: (port: Port) => { readonly [direction in Direction]?: Tiers } | undefined;
  /** Groups that rules of those ports name. */
  readonly groups: ReadonlyMap<string, Somebody>;
}

interface Rule {
  readonly action: OrderedRule['action'];
  /** The only direction that it is judged in; absent: both. */
  readonly only: string | undefined;
  /** Source and target, for each direction in which the rule is read. */
  readonly ways: readonly (readonly [from: readonly Somebody[], to: readonly Somebody[]])[];
  readonly alike: readonly string[];
  readonly traffic: readonly Traffic[];
  readonly by: string;
  /** Where copies of what it passes are sent. */
  readonly analyzer: string | undefined;
}

/** The firewall of one node's ports. */
export function compileFirewall(config: ConfigIndex, tagsOf: TagsOf): Firewall {
  const groups = new Map<string, Somebody>();
  const sets = setsInOrder(config);
  const rulesOf = readPolicies(config);
  return {
    groups,
    tiersOf(port) {
      const vmi = config.get('virtual-machine-interface', port.vmi);
      if (vmi === undefined || sets.length === 0) return undefined;
      const tags = tagsOf(vmi);
      const policies = sets.filter((set) => isFor(set, port, tags)).flatMap((set) => policiesOf(config, set));
      const directions = (['ingress', 'egress'] as const).flatMap((direction) => {
        const tiers = tiersIn(policies, (policy) =>
          rulesOf(policy).flatMap((rule) => orderedRules(rule, { port, tags, direction }, groups)),
        );
        return Object.keys(tiers).length === 0 ? [] : [[direction, tiers] as const];
      });
      return directions.length === 0 ? undefined : Object.fromEntries(directions);
    },
  };
}

/** The tiers of one direction; one without a rule is left out, but for applications, which deny what no rule means. */
function tiersIn(
  policies: readonly FirewallPolicy[],
  rulesOf: (policy: FirewallPolicy) => readonly OrderedRule[],
): Tiers {
  const of = (tier: keyof Tiers): readonly FirewallPolicy[] => policies.filter((policy) => tierOf(policy) === tier);
  const [admin, baseline] = [of('admin').flatMap(rulesOf), of('baseline').flatMap(rulesOf)];
  const applications = of('applications');
  return {
    ...(admin.length === 0 ? {} : { admin }),
    ...(baseline.length === 0 ? {} : { baseline }),
    ...(applications.length === 0 ? {} : { applications: applications.flatMap(rulesOf) }),
  };
}

function tierOf(policy: FirewallPolicy): keyof Tiers {
  const tier = annotationOf(policy, TIER);
  return tier === 'Admin' ? 'admin' : tier === 'Baseline' ? 'baseline' : 'applications';
}

/** Sets in the order in which they are asked. */
function setsInOrder(config: ConfigIndex): readonly ApplicationPolicySet[] {
  return config.all('application-policy-set').toSorted((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
}

function placeOf(set: ApplicationPolicySet): string {
  return [set.all_applications ? 0 : 1, set.parent_type === 'project' ? 1 : 0, fqNameText(set.fq_name)].join(' ');
}

/** A set of a project is for the project's interfaces; one of some application for those that carry its tag. */
function isFor(set: ApplicationPolicySet, { project }: Port, tags: readonly string[]): boolean {
  if (set.all_applications) return set.parent_type !== 'project' || set.parent_uuid === project;
  return ownTags(set).some((tag) => typeOf(tag) === 'application' && tags.includes(tag));
}

function policiesOf(config: ConfigIndex, set: ApplicationPolicySet): readonly FirewallPolicy[] {
  return inSequence(set, 'firewall-policy').flatMap((reference) => config.follow(reference, 'firewall-policy'));
}

/** An object's references by the text of their sequence, as a Contrail controller compares it. */
function inSequence(object: ContrailObject, type: 'firewall-policy' | 'firewall-rule'): readonly Reference[] {
  // The links' attribute is a FirewallSequence by the schema.
  const references = referencesOf(object, type) as readonly Reference<Sequence>[];
  return references.toSorted((a, b) => (sequenceOf(a) < sequenceOf(b) ? -1 : 1));
}

function sequenceOf({ attr, to }: Reference<Sequence>): string {
  return `${attr?.sequence ?? ''} ${fqNameText(to)}`;
}

/** Rules of policies, each read once. */
function readPolicies(config: ConfigIndex): (policy: FirewallPolicy) => readonly Rule[] {
  const known = new Map<string, readonly Rule[]>();
  const endOf = createEnds(config);
  return (policy) => {
    const rules =
      known.get(policy.uuid) ??
      inSequence(policy, 'firewall-rule')
        .flatMap((reference) => config.follow(reference, 'firewall-rule'))
        .map((rule) => readRule(config, { policy, rule }, endOf));
    known.set(policy.uuid, rules);
    return rules;
  };
}

function readRule(
  config: ConfigIndex,
  { policy, rule }: { readonly policy: FirewallPolicy; readonly rule: FirewallRule },
  endOf: EndOf,
): Rule {
  const passes = rule.action_list?.simple_action === 'pass';
  return {
    action: actionOf(rule),
    only: annotationOf(rule, DIRECTION),
    ways: waysOf(rule, endOf),
    alike: (rule.match_tags?.tag_list ?? []).map((type) => type.toLowerCase()),
    traffic: servicesOf(config, rule).flatMap((service) => trafficFor(service, passes)),
    by: annotationOf(rule, TITLE) ?? `${fqNameText(policy.fq_name)} ${rule.fq_name.at(-1) ?? ''}`,
    analyzer: passes ? analyzerOf(rule.action_list?.mirror_to) : undefined,
  };
}

function waysOf(rule: FirewallRule, endOf: EndOf): Rule['ways'] {
  const [one, two] = [endOf(rule, 'endpoint_1'), endOf(rule, 'endpoint_2')];
  const { direction = '<>' } = rule;
  return [...(direction === '<' ? [] : [[one, two] as const]), ...(direction === '>' ? [] : [[two, one] as const])];
}

function actionOf(rule: FirewallRule): OrderedRule['action'] {
  if (annotationOf(rule, ACTION) === 'Pass') return 'skip';
  return rule.action_list?.simple_action === 'pass' ? 'pass' : 'deny';
}

function servicesOf(config: ConfigIndex, rule: FirewallRule): readonly FirewallService[] {
  if (rule.service) return [rule.service];
  return config
    .targets(rule, 'service-group')
    .flatMap((group) => group.service_group_firewall_service_list?.firewall_service ?? []);
}

/** Source ports cannot be told apart here: a rule that names some lets nothing pass, and denies from all. */
function trafficFor({ protocol, src_ports: sources, dst_ports: targets }: FirewallService, passes: boolean): Traffic[] {
  const ports = { src_ports: sources ? [sources] : [], dst_ports: targets ? [targets] : [] };
  return trafficOf({ protocol: protocol ?? 'any', ...ports }, passes)
    .filter(({ sourcePorts: [first, last] }) => !passes || (first <= ALL_PORTS[0] && last >= ALL_PORTS[1]))
    .map((box) => ({ ...box, sourcePorts: ALL_PORTS }));
}

interface Judged {
  readonly port: Port;
  readonly tags: readonly string[];
  readonly direction: Direction;
}

/** A rule for a port: its own end has to be meant, and the other one is whom it is asked about. */
function orderedRules(rule: Rule, judged: Judged, groups: Map<string, Somebody>): readonly OrderedRule[] {
  const { action, by, only, traffic, analyzer } = rule;
  if (only !== undefined && only !== judged.direction) return [];
  const peers = rule.ways.flatMap(([from, to]) => {
    const [own, others] = judged.direction === 'ingress' ? [to, from] : [from, to];
    const families = own.filter((who) => isOwnEnd(who, judged, action !== 'deny')).flatMap(familiesOf);
    return others
      .flatMap((who) => (rule.alike.length === 0 ? [who] : alike(who, judged.tags, rule.alike)))
      .flatMap((who) => testsOf(who, groups))
      .filter((peer) => families.includes(peer.kind === 'group' ? peer.family : familyOf(peer.cidr)));
  });
  const mirror = analyzer === undefined ? {} : { mirror: { analyzer, isOneSided: only !== undefined } };
  return peers.flatMap((peer) => traffic.map((box) => ({ peer, traffic: box, action, by, ...mirror })));
}

/** The families of flows that a port's own end stands for. */
function familiesOf({ block }: Somebody): readonly ('4' | '6')[] {
  return block === undefined ? ['4', '6'] : [familyOf(block)];
}

/** Of a port with several addresses all have to be meant for a rule that passes, and one is enough for a denial. */
function isOwnEnd(who: Somebody, { port, tags }: Judged, passes: boolean): boolean {
  const holders = port.addresses
    .filter((address) => familiesOf(who).includes(familyOf(address)))
    .map((address) => ({ tags, network: port.networkName, address }));
  const test = (holder: (typeof holders)[number]): boolean => isMeant(who, holder);
  return holders.length > 0 && (passes ? holders.every(test) : holders.some(test));
}
