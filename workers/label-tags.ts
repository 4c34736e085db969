/**
 * Labels of pods and of their namespaces as tags, so that an operator's firewall policies can speak of pods by them (facts 1.5, 1.9):
 * `app: web` is the tag `app=web`. A namespace's label stands before a pod's of the same key, and `namespace=<name>` before both. Pure.
 */
import type { TagInput } from '../contrail/desired/tag.ts';
import type { Placed } from './policy-membership.ts';

/** The tags of a pod, by their types in order: one of each. */
export function labelTags({ pod, namespaceLabels }: Placed): readonly TagInput[] {
  const labels = [
    ...Object.entries(pod.labels),
    ...Object.entries(namespaceLabels),
    [NAMESPACE, pod.namespace] as const,
  ];
  const found = labels.filter(([key, value]) => value !== '' && isTagType(key));
  const byType = new Map(found.map(([key, value]) => [key.toLowerCase(), value]));
  return [...byType].sort(([a], [b]) => (a < b ? -1 : 1)).map(([type, value]) => ({ type, value }));
}

/** The tag that a key's name says, `app=web`. */
export function parseTag(name: string): TagInput {
  const at = name.indexOf('=');
  return { type: name.slice(0, at), value: name.slice(at + 1) };
}

const NAMESPACE = 'namespace';

/** A tag of the type `application` says which set of policies is for an interface; the others are not labels of users. */
const OTHER_TYPES = new Set(['application', 'label', 'neutron_fwaas', 'neutron_tag']);

/** What controllers give to each pod, or each lot of pods: nobody writes rules about it, and tags of one type are numbered. */
const OF_CONTROLLERS = new Set([
  'pod-template-hash',
  'controller-revision-hash',
  'pod-template-generation',
  'job-name',
  'controller-uid',
]);
const OWN_DOMAINS = /(^|\.)(kubernetes\.io|k8s\.io|opencontrail\.org)\//;
const RECOMMENDED = 'app.kubernetes.io/';

function isTagType(key: string): boolean {
  const type = key.toLowerCase();
  if (type.startsWith(RECOMMENDED)) return true;
  return !OTHER_TYPES.has(type) && !OF_CONTROLLERS.has(type) && !OWN_DOMAINS.test(type);
}
