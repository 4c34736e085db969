/** Tags: what interfaces carry so that firewall rules can speak of them. Pure. */
import { uuidOf } from '../names.ts';
import type { ContrailObject, FqName } from '../objects.ts';
import { annotationsFor, type Owner } from '../ownership.ts';
import { type Naming, ownerFor } from './owner.ts';

/** The type of tags of which an interface may have several. */
export const LABEL = 'label';

/** A tag by its type, in lower case as the server has it, and its value. */
export interface TagInput {
  readonly type: string;
  readonly value: string;
}

/** A tag as rules speak of it, `app=web`. */
export function tagText({ type, value }: TagInput): string {
  return `${type}=${value}`;
}

/** The full name of everybody's tag. */
export function tagName(tag: TagInput): FqName {
  return [tagText(tag)];
}

/** A tag, as Contrail names it. */
export function tagObject(tag: TagInput, owner: Owner): ContrailObject {
  const fqName = tagName(tag);
  return {
    type: 'tag',
    uuid: uuidOf('tag', fqName),
    fq_name: fqName,
    tag_type_name: tag.type,
    tag_value: tag.value,
    ...annotationsFor(owner),
  };
}

/** Everything under the key `Label/<type>=<value>`. */
export function desiredLabel(tag: TagInput, naming: Naming): readonly ContrailObject[] {
  return [tagObject(tag, ownerFor({ kind: 'Label', name: tagText(tag) }, naming))];
}
