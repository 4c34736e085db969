/** Which handler answers which request: the actions by path, everything else by type (facts 1). */
import type { Schema } from '../schema.ts';
import { ipAlloc, ipFree, subnetIpCount } from './actions/addresses.ts';
import { collectionGet, collectionUpdate } from './actions/collections.ts';
import { ready, status } from './actions/embedded.ts';
import { homepage } from './actions/homepage.ts';
import { fqNameToId, idToFqName, useragentKv } from './actions/names.ts';
import { create, list, listBulk, read, remove, update } from './actions/objects.ts';
import { executeJob, securityPolicyDraft } from './actions/operator.ts';
import { aaaMode, chmod, chown, objPerms } from './actions/permissions.ts';
import { refRelax, refUpdate } from './actions/references.ts';
import { setTag } from './actions/tags.ts';
import type { Handler } from './context.ts';
import { HttpError } from './errors.ts';

type Methods = Readonly<Record<string, Handler>>;

const ACTIONS: Readonly<Record<string, Methods>> = {
  '/': { GET: homepage },
  '/fqname-to-id': { POST: fqNameToId },
  '/id-to-fqname': { POST: idToFqName },
  '/useragent-kv': { POST: useragentKv },
  '/ref-update': { POST: refUpdate },
  '/ref-relax-for-delete': { POST: refRelax },
  '/prop-collection-get': { GET: collectionGet },
  '/prop-collection-update': { POST: collectionUpdate },
  '/list-bulk-collection': { POST: listBulk },
  '/chown': { POST: chown },
  '/chmod': { POST: chmod },
  '/obj-perms': { GET: objPerms },
  '/aaa-mode': { GET: aaaMode },
  '/set-tag': { POST: setTag },
  '/execute-job': { POST: executeJob },
  '/security-policy-draft': { POST: securityPolicyDraft },
  '/embedded/status': { GET: status },
  '/embedded/ready': { POST: ready },
};

const NETWORK_ACTIONS: Readonly<Record<string, Methods>> = {
  'ip-alloc': { POST: ipAlloc },
  'ip-free': { POST: ipFree },
  'subnet-ip-count': { POST: subnetIpCount },
};

/** A route that was found, with the open parts of its path. */
export interface Route {
  readonly handler: Handler;
  readonly params: readonly string[];
}

/** The route of a request; throws 404 for an unknown path and 405 for a method that it does not have. */
export function routeOf(schema: Schema, method: string, path: string): Route {
  const { methods, params } = match(schema, path);
  const handler = methods[method === 'HEAD' ? 'GET' : method];
  if (handler === undefined) throw new HttpError(405, 'Method not allowed.');
  return { handler, params };
}

interface Match {
  readonly methods: Methods;
  readonly params: readonly string[];
}

function match(schema: Schema, path: string): Match {
  const action = ACTIONS[path];
  if (action !== undefined) return { methods: action, params: [] };
  const [, first = '', ...rest] = path.split('/');
  const found = rest.length === 0 ? collectionMatch(schema, first) : objectMatch(schema, first, rest);
  if (found === undefined) throw new HttpError(404, `Not found: '${path}'`);
  return found;
}

function collectionMatch(schema: Schema, name: string): Match | undefined {
  const type = name.endsWith('s') ? exactType(schema, name.slice(0, -1)) : undefined;
  return type === undefined ? undefined : { methods: { GET: list, POST: create }, params: [type] };
}

function objectMatch(schema: Schema, name: string, [uuid = '', action, ...rest]: readonly string[]): Match | undefined {
  const type = exactType(schema, name);
  if (type === undefined || uuid === '' || rest.length > 0) return undefined;
  if (action === undefined) return { methods: { GET: read, PUT: update, DELETE: remove }, params: [type, uuid] };
  const methods = type === 'virtual-network' ? NETWORK_ACTIONS[action] : undefined;
  return methods === undefined ? undefined : { methods, params: [uuid] };
}

/** In URLs, types are written with dashes only. */
function exactType(schema: Schema, name: string): string | undefined {
  return name.includes('_') ? undefined : schema.resource(name)?.type;
}
