/** Deleting an object: refused while others hang on it, but for what the server made itself (facts 3). */
import { HttpError } from '../errors.ts';
import { rulesOf } from '../hooks/rules.ts';
import { repr } from '../python.ts';
import type { StoredObject } from '../store/objects.ts';
import type { Child, Related } from '../store/store.ts';
import type { Transaction } from '../store/transaction.ts';
import { refField } from '../../schema.ts';
import type { Href } from './wire.ts';
import { deleteDerived } from './derived.ts';

/** Adds the deletion of an object to the transaction; `href` makes the URLs that a refusal lists. */
export async function deleteObject(tx: Transaction, object: StoredObject, href: Href): Promise<void> {
  tx.expectUnchanged(object);
  const removal = await rulesOf(object.type).beforeDelete?.(object, tx);
  const known = new Set(removal?.known ?? []);
  const children = (await tx.store.children(object.uuid)).filter(({ uuid }) => !known.has(uuid));
  refuseChildren(tx, object, children, href);
  const relaxed = new Set(await tx.store.relaxed(object.uuid));
  const referrers = (await tx.store.referrers(object.uuid)).filter(({ uuid }) => !known.has(uuid));
  refuseReferrers(
    tx,
    object,
    referrers.filter(({ uuid }) => !relaxed.has(uuid)),
    href,
  );
  for (const child of children) await deleteDerived(tx, child, object.uuid);
  for (const referrer of referrers) {
    const from = await tx.read(referrer.uuid);
    if (from !== undefined) tx.removeRef(from, refField(object.type), object.uuid);
  }
  tx.delete(object, [...known, ...children.map(({ uuid }) => uuid), ...referrers.map(({ uuid }) => uuid)]);
}

/** Children are checked one kind at a time; those made by the server, and defaults, are no obstacle. */
function refuseChildren(tx: Transaction, object: StoredObject, children: readonly Child[], href: Href): void {
  for (const kind of Object.values(tx.resource(object.type).children)) {
    if (kind.derived) continue;
    const blocking = children.filter(({ type, to }) => {
      const name = to.at(-1) ?? '';
      return type === kind.type && name !== `default-${type}` && name !== 'draft-policy-management';
    });
    if (blocking.length > 0) throw new HttpError(409, `Delete when children still present: ${hrefs(blocking, href)}`);
  }
}

/** As with children, one kind at a time. */
function refuseReferrers(tx: Transaction, object: StoredObject, referrers: readonly Related[], href: Href): void {
  for (const kind of Object.values(tx.resource(object.type).backRefs)) {
    const blocking = referrers.filter(({ type }) => type === kind.type);
    if (blocking.length > 0) throw new HttpError(409, `Delete when resource still referred: ${hrefs(blocking, href)}`);
  }
}

function hrefs(objects: readonly (Child | Related)[], href: Href): string {
  const sorted = [...objects].sort((a, b) => (a.uuid < b.uuid ? -1 : 1));
  return repr(sorted.map(({ type, uuid }) => href(type, uuid)));
}
