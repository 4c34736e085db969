/**
 * The firewall policies that concern a node: of sets for all applications, or for one whose tag a port of the node has; with their
 * rules, and what these name. Tags themselves are not sent: whoever has one refers to it by name.
 */
import type { StoredObject } from '../store/objects.ts';
import type { CacheView } from './cache.ts';
import { isAt, refsOf, some } from './links.ts';

/** What runs on a node, as far as firewall policies ask. */
export interface TaggedScope {
  readonly local: { readonly projects: ReadonlySet<string>; readonly tags: ReadonlySet<string> };
}

type Rule = (cache: CacheView, scope: TaggedScope, object: StoredObject) => boolean;

export const FIREWALL_RULES: Readonly<Record<string, Rule>> = {
  'application-policy-set': isKnownSet,
  'firewall-policy': isKnownPolicy,
  'firewall-rule': isKnownRule,
  'address-group': isNamed,
  'service-group': isNamed,
};

/** Whose membership follows from whose. */
export const FIREWALL_FOLLOWERS: Readonly<
  Record<string, (cache: CacheView, object: StoredObject) => readonly string[]>
> = {
  'application-policy-set': (_cache, object) => refsOf(object, 'firewall_policy_refs'),
  'firewall-policy': (_cache, object) => refsOf(object, 'firewall_rule_refs'),
  'firewall-rule': (_cache, object) => [
    ...refsOf(object, 'address_group_refs'),
    ...refsOf(object, 'service_group_refs'),
  ],
};

/** Every project has a set for all applications, nearly always an empty one. */
function isKnownSet(_cache: CacheView, { local }: TaggedScope, set: StoredObject): boolean {
  if (refsOf(set, 'firewall_policy_refs').length === 0) return false;
  if (set.properties['all_applications'] === true)
    return set.parentType !== 'project' || local.projects.has(set.parentUuid ?? '');
  return refsOf(set, 'tag_refs').some((tag) => local.tags.has(tag));
}

function isKnownPolicy(cache: CacheView, scope: TaggedScope, { uuid }: StoredObject): boolean {
  return some(cache.linked(uuid, 'application-policy-set'), (set) =>
    isAt(cache, set, (found) => isKnownSet(cache, scope, found)),
  );
}

function isKnownRule(cache: CacheView, scope: TaggedScope, { uuid }: StoredObject): boolean {
  return some(cache.linked(uuid, 'firewall-policy'), (policy) =>
    isAt(cache, policy, (found) => isKnownPolicy(cache, scope, found)),
  );
}

function isNamed(cache: CacheView, scope: TaggedScope, { uuid }: StoredObject): boolean {
  return some(cache.linked(uuid, 'firewall-rule'), (rule) =>
    isAt(cache, rule, (found) => isKnownRule(cache, scope, found)),
  );
}
