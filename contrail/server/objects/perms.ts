/** `id_perms` and `perms2`: what a client may set in them, and their defaults (facts 2). Pure. */
import { HttpError } from '../errors.ts';
import { isRecord } from './validate.ts';
import type { Draft } from './draft.ts';

/** `perms2` on the wire. */
export interface Perms2 {
  readonly owner: string;
  readonly owner_access: number;
  readonly global_access: number;
  readonly share: readonly { readonly tenant: string; readonly tenant_access: number }[];
}

const DEFAULT_OWNER = 'cloud-admin';

/** `id_perms` of a new object; UUID and times are added when it is read. */
export function newIdPerms(given: unknown): Record<string, unknown> {
  const from = isRecord(given) ? given : {};
  return {
    permissions: {
      owner: DEFAULT_OWNER,
      owner_access: 7,
      group: 'cloud-admin-group',
      group_access: 7,
      other_access: 7,
    },
    uuid: null,
    enable: from['enable'] ?? true,
    created: null,
    last_modified: null,
    description: from['description'] ?? null,
    user_visible: from['user_visible'] ?? true,
    creator: from['creator'] ?? null,
  };
}

/** `id_perms` after an update, of which only `enable` and `description` may change. */
export function changedIdPerms(old: unknown, given: unknown): Record<string, unknown> {
  const from = isRecord(given) ? given : {};
  const before = isRecord(old) ? old : newIdPerms(undefined);
  return {
    ...before,
    ...('enable' in from ? { enable: from['enable'] } : {}),
    ...('description' in from ? { description: from['description'] } : {}),
  };
}

/** `perms2` of a new object: the owner is given, or the project itself, or the parent's. */
export function newPerms2(given: unknown, draft: Draft): Perms2 {
  const from = isRecord(given) ? given : {};
  const share = Array.isArray(from['share']) ? (from['share'] as Perms2['share']) : [];
  return {
    owner: typeof from['owner'] === 'string' && from['owner'] !== '' ? from['owner'] : defaultOwner(draft),
    owner_access: typeof from['owner_access'] === 'number' ? from['owner_access'] : 7,
    global_access: typeof from['global_access'] === 'number' ? from['global_access'] : 0,
    share,
  };
}

/** `perms2` after an update; it must name an owner. */
export function changedPerms2(old: unknown, given: unknown): Perms2 {
  if (!isRecord(given)) return old as Perms2;
  if (!given['owner']) throw new HttpError(400, 'owner in perms2 must be present');
  return { ...(old as Perms2), ...given };
}

function defaultOwner(draft: Draft): string {
  if (draft.type === 'project' && draft.uuidGiven) return draft.uuid.replaceAll('-', '');
  if (draft.parent === undefined || draft.parent.type === 'domain') return DEFAULT_OWNER;
  return (draft.parent.properties['perms2'] as Perms2 | undefined)?.owner ?? DEFAULT_OWNER;
}
