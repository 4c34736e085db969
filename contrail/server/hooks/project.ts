/** Projects bring a default application policy set, and take it with them (facts 10). */
import { deleteDerived, derivedObject } from '../objects/derived.ts';
import type { TypeRules } from '../objects/draft.ts';

const NAME = 'default-application-policy-set';

export const projectRules: TypeRules = {
  beforeCreate: (draft, tx) => {
    const parent = { type: 'project', uuid: draft.uuid };
    const set = derivedObject('application-policy-set', [...draft.fqName, NAME], {
      parent,
      properties: { all_applications: true },
    });
    tx.create(set);
    const others = draft.refs['application_policy_set_refs'] ?? [];
    draft.refs['application_policy_set_refs'] = [...others, { uuid: set.uuid, to: set.fqName, attr: null }];
  },
  beforeDelete: async (object, tx) => {
    const set = await tx.find('application-policy-set', [...object.fqName, NAME]);
    if (set === undefined) return { known: [] };
    await deleteDerived(tx, set, object.uuid);
    return { known: [set.uuid] };
  },
};
