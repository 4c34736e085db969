/** Owners and access, as far as a server with one token knows them (facts 5). */
import { type Handler, ok } from '../context.ts';
import { demand, HttpError } from '../errors.ts';
import type { Perms2 } from '../objects/perms.ts';
import { changeObject } from '../objects/update.ts';
import { transact } from '../store/transact.ts';
import { bodyOf, textField } from './body.ts';

const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;

/** `POST /chown`. */
export const chown: Handler = async ({ body }, deps) => {
  const fields = bodyOf(body);
  const uuid = textField(fields, 'uuid');
  const owner = textField(fields, 'owner');
  demand(UUID.test(uuid) && UUID.test(owner), 400, 'Bad Request, invalid object id or owner id');
  await changePerms(deps, uuid, (perms2) => ({ ...perms2, owner }));
  return ok({});
};

/** `POST /chmod`. */
export const chmod: Handler = async ({ body }, deps) => {
  const fields = bodyOf(body);
  const uuid = textField(fields, 'uuid');
  for (const name of ['owner_access', 'global_access']) checkAccess(fields[name], name);
  const share = fields['share'];
  demand(share === undefined || Array.isArray(share), 400, 'Bad Request, invalid share list');
  await changePerms(deps, uuid, (perms2) => ({
    ...perms2,
    ...(typeof fields['owner'] === 'string' ? { owner: fields['owner'] } : {}),
    ...(typeof fields['owner_access'] === 'number' ? { owner_access: fields['owner_access'] } : {}),
    ...(typeof fields['global_access'] === 'number' ? { global_access: fields['global_access'] } : {}),
    ...(share === undefined ? {} : { share: share.map(completeShare) }),
  }));
  return ok({});
};

/** `GET /obj-perms`: the bearer of the token may do everything. */
export const objPerms: Handler = async () =>
  ok({ token_info: null, is_cloud_admin_role: false, is_global_read_only_role: false, permissions: 'RWX' });

/** `GET /aaa-mode`. */
export const aaaMode: Handler = async () => ok({ 'aaa-mode': 'no-auth' });

async function changePerms(
  deps: Parameters<Handler>[1],
  uuid: string,
  change: (perms2: Perms2) => Perms2,
): Promise<void> {
  await transact(deps, async (tx) => {
    const object = await tx.read(uuid);
    if (object === undefined) throw new HttpError(404, `Unknown id: ${uuid}`);
    const perms2 = change(object.properties['perms2'] as Perms2);
    const shared = object.properties['is_shared'] === undefined ? {} : { is_shared: perms2.global_access !== 0 };
    tx.expectUnchanged(object);
    if (object.type === 'virtual-network') tx.update(object, { properties: { perms2, ...shared } });
    else await changeObject(tx, { object, properties: { perms2 }, refs: {} });
  });
}

function checkAccess(value: unknown, name: string): void {
  const isAccess =
    value === undefined || (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 7);
  demand(isAccess, 400, `Bad Request, invalid ${name} value`);
}

/** A tenant without a kind is a project. */
function completeShare(share: Perms2['share'][number]): Perms2['share'][number] {
  checkAccess(share.tenant_access, 'share');
  const kind = share.tenant.includes(':') ? '' : 'tenant:';
  return { ...share, tenant: `${kind}${share.tenant}` };
}
