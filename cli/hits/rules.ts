/** Which rules of Kubernetes' policies the counts of vRouters belong to. Pure. */
import { policyRuleUuid } from '../../contrail/names.ts';
import type { SlimNetworkPolicy } from '../../kubernetes/network-policy.ts';
import { isPartOf } from '../reach/policies.ts';
import type { NodeHit, RuleHits } from './model.ts';

type Direction = RuleHits['direction'];
type Rule = Pick<RuleHits, 'direction' | 'policy' | 'rule'>;

/** The counts of all nodes by rule, in the order of their names; with `all`, also of rules that have decided nothing. */
export function ruleHits(
  counted: readonly NodeHit[],
  policies: readonly SlimNetworkPolicy[],
  all: boolean,
): readonly RuleHits[] {
  const nothing = all ? policies.flatMap(rulesOf).map((rule) => ({ ...rule, allowed: 0, refused: 0 })) : [];
  const rules = new Map<string, RuleHits>(nothing.map((rule) => [keyOf(rule), rule]));
  const known = namesOf(policies);
  for (const hit of counted) {
    const rule = known(hit);
    if (rule === undefined) continue;
    const { allowed, refused } = rules.get(keyOf(rule)) ?? { allowed: 0, refused: 0 };
    rules.set(keyOf(rule), { ...rule, allowed: allowed + hit.allowed, refused: refused + hit.refused });
  }
  return [...rules.entries()].sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true })).map(([, rule]) => rule);
}

/** What a count is called; `undefined` for groups that only say who somebody is, and for rules that are no more. */
function namesOf(policies: readonly SlimNetworkPolicy[]): (hit: NodeHit) => Rule | undefined {
  const byUuid = new Map(policies.flatMap(rulesWithUuids));
  const byName = Map.groupBy(policies, ({ name }) => name);
  return ({ direction, tier, by, rule: uuid }) => {
    if (tier !== 'groups') return { direction, ...titleOf(by) };
    const rule = byUuid.get(uuid ?? '');
    if (rule !== undefined) return rule;
    const group = by.split(':').at(-1) ?? '';
    const owner = byName.get(group.split('__')[0] ?? '')?.find((policy) => isPartOf(by, policy));
    if (owner !== undefined) return refusing(owner, group, direction);
    if (OPEN_GROUP.test(group) || POLICY_GROUP.test(group)) return undefined;
    return { direction, policy: `security group ${by}` };
  };
}

/** Of a policy's groups the one that its rules hang on; the others only say who is in them. */
function refusing(policy: SlimNetworkPolicy, group: string, direction: Direction): Rule | undefined {
  const isSubjects = group === `${policy.name}__${policy.uid}`;
  return isSubjects && policy[direction] !== undefined ? { direction, policy: nameOf(policy) } : undefined;
}

/** A namespace's groups that are open where no policy speaks. */
const OPEN_GROUP = /-default(-ingress|-egress)?-sg$/;
/** A group of a policy that is gone. */
const POLICY_GROUP = /__[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(__|$)/;

function rulesOf(policy: SlimNetworkPolicy): readonly Rule[] {
  return rulesWithUuids(policy).map(([, rule]) => rule);
}

function rulesWithUuids(policy: SlimNetworkPolicy): readonly (readonly [uuid: string, rule: Rule])[] {
  return (['ingress', 'egress'] as const).flatMap((direction) =>
    (policy[direction] ?? []).map((_, index) => [
      policyRuleUuid(policy.uid, direction, index),
      { direction, policy: nameOf(policy), rule: `spec.${direction}[${index}]` },
    ]),
  );
}

function nameOf({ namespace, name }: SlimNetworkPolicy): string {
  return `NetworkPolicy ${namespace}/${name}`;
}

/** A rule's title is its policy's name, and its own. */
function titleOf(by: string): Pick<Rule, 'policy' | 'rule'> {
  const [, policy, rule] = /^(ClusterNetworkPolicy \S+) (.+)$/.exec(by) ?? /^(\S+:\S+) (.+)$/.exec(by) ?? [];
  return policy === undefined || rule === undefined ? { policy: by } : { policy, rule };
}

function keyOf({ policy, direction, rule = '' }: Rule): string {
  return `${policy} ${direction} ${rule}`;
}
