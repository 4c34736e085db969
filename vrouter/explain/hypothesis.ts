/** Configuration as it would be with other groups: what `--what-if` asks about. Pure. */
import { uuidOf } from '../../contrail/names.ts';
import type { ContrailObject } from '../../contrail/objects.ts';
import type { Hypothesis } from './questions.ts';

/** The objects with those of the hypothesis in their places, and interfaces in its groups. */
export function supposing(
  objects: ReadonlyMap<string, ContrailObject>,
  { groups, interfaces }: Hypothesis,
): ReadonlyMap<string, ContrailObject> {
  const supposed = new Map(objects);
  for (const { uuid, fq_name, ...fields } of groups)
    supposed.set(uuid, { ...fields, type: 'security-group', uuid, fq_name });
  for (const { vmi, groups: names } of interfaces) {
    const known = objects.get(vmi);
    // An interface that this node is not sent has no say here.
    if (known?.type !== 'virtual-machine-interface') continue;
    const references = names.map((to) => ({ to, uuid: uuidOf('security-group', to), attr: null }));
    supposed.set(vmi, { ...known, security_group_refs: references });
  }
  return supposed;
}
