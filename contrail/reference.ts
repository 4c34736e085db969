/**
 * A single reference that stands in another owner's list, as an object of its own. A virtual router belongs to its Node,
 * but each Pod adds itself to the router's machines: such shared lists are changed one reference at a time
 * (`/ref-update`), never written whole, so that two keys cannot undo each other's work (control-plane 1.7).
 */
import type { ContrailObject, FqName } from './objects.ts';

/** The type under which `plan` and `apply` see a reference; the config API has no such type. */
export const REFERENCE = 'reference';

/** One end of a reference: an object known by type, UUID and name. */
export interface End {
  readonly type: string;
  readonly uuid: string;
  readonly fq_name: FqName;
}

export interface ReferenceObject extends ContrailObject {
  readonly type: typeof REFERENCE;
  readonly from: End;
  readonly to: End;
  readonly attr: unknown;
}

/** The reference from one object to another, as a plannable object. Its name tells its ends, so it is found again. */
export function referenceBetween(from: End, to: End, attr: unknown = null): ReferenceObject {
  return {
    type: REFERENCE,
    uuid: `${from.uuid}/${to.uuid}`,
    fq_name: [from.type, ...from.fq_name, to.type, ...to.fq_name],
    from: { type: from.type, uuid: from.uuid, fq_name: from.fq_name },
    to: { type: to.type, uuid: to.uuid, fq_name: to.fq_name },
    attr,
  };
}

/** Whether an object of a plan is a reference in another's list. */
export function isReference(object: ContrailObject): object is ReferenceObject {
  return object.type === REFERENCE;
}
