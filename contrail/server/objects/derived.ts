/** Objects that the server makes by itself beside another. */
import { uuidOf } from '../../names.ts';
import type { FqName } from '../../objects.ts';
import { refField } from '../../schema.ts';
import type { NewStoredObject } from '../store/steps.ts';
import type { Transaction } from '../store/transaction.ts';
import type { StoredRef } from '../store/objects.ts';
import { newIdPerms } from './perms.ts';

/** A whole object from the few things that matter about it. Its UUID follows from its name: a rebuild finds it again. */
export function derivedObject(
  type: string,
  fqName: FqName,
  rest: {
    readonly parent?: { readonly type: string; readonly uuid: string };
    readonly properties?: Readonly<Record<string, unknown>>;
    readonly refs?: Readonly<Record<string, readonly StoredRef[]>>;
    readonly globalAccess?: number;
  },
): NewStoredObject {
  return {
    uuid: uuidOf(type, fqName),
    type,
    fqName,
    ...(rest.parent === undefined ? {} : { parentType: rest.parent.type, parentUuid: rest.parent.uuid }),
    properties: {
      id_perms: newIdPerms(undefined),
      perms2: { owner: 'cloud-admin', owner_access: 7, global_access: rest.globalAccess ?? 0, share: [] },
      display_name: fqName.at(-1),
      ...rest.properties,
    },
    refs: rest.refs ?? {},
  };
}

/**
 * Adds the deletion of something the server made itself, with its children and the references to it, but for those of
 * `with`, which is deleted in the same transaction.
 */
export async function deleteDerived(
  tx: Transaction,
  child: { readonly uuid: string },
  withUuid: string,
): Promise<void> {
  const object = await tx.read(child.uuid);
  if (object === undefined) return;
  const children = await tx.store.children(object.uuid);
  for (const grandchild of children) await deleteDerived(tx, grandchild, withUuid);
  const referrers = await tx.store.referrers(object.uuid);
  for (const { uuid } of referrers) {
    const from = uuid === withUuid ? undefined : await tx.read(uuid);
    if (from !== undefined) tx.removeRef(from, refField(object.type), object.uuid);
  }
  tx.delete(
    object,
    [...children, ...referrers].map(({ uuid }) => uuid),
  );
}
