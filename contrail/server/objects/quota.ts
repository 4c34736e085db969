/** Quotas: how many objects of a type a project may hold (facts 9). */
import { underscored } from '../../schema.ts';
import { HttpError } from '../errors.ts';
import type { Transaction } from '../store/transaction.ts';
import type { Draft } from './draft.ts';

/** Throws 412 where the project's quota for this type is used up. Absent and -1 mean no limit. */
export async function checkQuota(tx: Transaction, draft: Draft): Promise<void> {
  if (draft.parent?.type !== 'project') return;
  const field = underscored(draft.type);
  const limit = limitOf(draft.parent.properties['quota'], field);
  if (limit < 0 || tx.schema.complexType('QuotaType')?.fields[field] === undefined) return;
  const siblings = await tx.store.children(draft.parent.uuid);
  const count = siblings.filter(({ type }) => type === draft.type).length;
  if (count >= limit) throw new HttpError(412, `quota limit (${limit}) exceeded for resource ${field}`);
}

function limitOf(quota: unknown, field: string): number {
  const limits = (quota ?? {}) as Record<string, number | null>;
  return limits[field] ?? limits['defaults'] ?? -1;
}
