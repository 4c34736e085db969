/** What a handler may say: allowed, denied, or patched. Values only; review.ts puts them into the envelope. Pure. */
import type { PatchOperation } from './patch.ts';

/** Short facts for the audit log; each key becomes `<webhook>/<key>` there. */
export type AuditFacts = Readonly<Record<string, string>>;

/** Things said besides the verdict: warnings that kubectl shows, and facts for the audit log. */
export interface Remarks {
  readonly warnings?: readonly string[];
  readonly audit?: AuditFacts;
}

export type Decision =
  | ({ readonly kind: 'allowed' } & Remarks)
  | ({ readonly kind: 'patched'; readonly operations: readonly PatchOperation[] } & Remarks)
  /** 403: it may not be done by this user. 422: it cannot be done by anybody. */
  | ({ readonly kind: 'denied'; readonly code: 403 | 422; readonly message: string } & Remarks);

export function allowed(remarks: Remarks = {}): Decision {
  return { kind: 'allowed', ...remarks };
}

/** Patched, or merely allowed where there is nothing to patch. */
export function patched(operations: readonly PatchOperation[], remarks: Remarks = {}): Decision {
  return operations.length === 0 ? allowed(remarks) : { kind: 'patched', operations, ...remarks };
}

export function denied(code: 403 | 422, message: string, remarks: Remarks = {}): Decision {
  return { kind: 'denied', code, message, ...remarks };
}
