/**
 * A label as a tag. A pod's run makes the tags that it is to carry, so that no pod waits for another key; this key takes away what
 * nobody carries any more. Tags that somebody else's rule speaks of stay.
 */
import { apply } from '../../contrail/apply.ts';
import { MANAGED_TAGS } from '../../contrail/difference.ts';
import { desiredLabel, LABEL, type TagInput, tagName } from '../../contrail/desired/tag.ts';
import { annotationOf, type ContrailObject, type Reference } from '../../contrail/objects.ts';
import type { Deps, Observation, Reconciler } from '../deps.ts';
import { type Key, labelKey } from '../keys.ts';
import { parseTag } from '../label-tags.ts';

export const labelReconciler: Reconciler<TagInput> = {
  // No live read: a tag that a pod carries is not deleted by the server, whatever a cache says.
  input: async ({ name }, { view }) => (view.carriesTag(name) ? parseTag(name) : undefined),
  observe,
  desired: desiredLabel,
};

/** Makes the tags that are not there yet. */
export async function ensureTags(
  tags: readonly TagInput[],
  { names, contrail, settings, signal }: Deps,
): Promise<void> {
  for (const tag of tags) {
    if ((await names.uuidOf('tag', tagName(tag))) !== undefined) continue;
    const operations = desiredLabel(tag, settings).map((object) => ({ op: 'create' as const, object }));
    await apply(operations, { client: contrail, signal });
  }
}

/** Keys of the labels that interfaces have been given as tags, and that no pod carries any more. */
export function unusedLabels(found: readonly ContrailObject[], { view }: Pick<Deps, 'view'>): readonly string[] {
  const given = found.flatMap((object) => (annotationOf(object, MANAGED_TAGS) ?? '').split(','));
  const labels = given.filter((tag) => tag !== '' && !tag.startsWith(`${LABEL}=`));
  return [...new Set(labels)].filter((tag) => !view.carriesTag(tag)).map(labelKey);
}

async function observe({ name }: Key, input: TagInput | undefined, { contrail }: Deps): Promise<Observation> {
  const fields = ['virtual_machine_interface_back_refs', ...OTHERS];
  const found = await contrail.list('tag', { fqNames: [[name]], detail: true, fields });
  const [tag] = found;
  if (input !== undefined || tag === undefined) return { kind: 'observed', found };
  if (isReferred(tag, 'virtual_machine_interface_back_refs'))
    return { kind: 'waiting', missing: 'its pods to leave the tag', keys: [] };
  return { kind: 'observed', found: OTHERS.some((field) => isReferred(tag, field)) ? [] : found };
}

/** Who else may speak of a tag. */
const OTHERS = ['firewall_rule', 'address_group', 'virtual_machine', 'virtual_network', 'project'].map(
  (type) => `${type}_back_refs`,
);

function isReferred(object: ContrailObject, field: string): boolean {
  // Asked for by name; absent where there are none (config-api facts 2).
  return ((object[field] ?? []) as readonly Reference[]).length > 0;
}
