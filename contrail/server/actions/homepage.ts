/** `GET /`: what the server offers; the Python client builds its URLs from it (facts 1). */
import { type Handler, ok } from '../context.ts';

/** Actions as `[name, method, path]`, in the real server's order. Only those that answer here are listed. */
const ACTIONS: readonly (readonly [string, string, string])[] = [
  ['prop-collection-get', 'GET', '/prop-collection-get'],
  ['prop-collection-update', 'POST', '/prop-collection-update'],
  ['ref-update', 'POST', '/ref-update'],
  ['ref-relax-for-delete', 'POST', '/ref-relax-for-delete'],
  ['name-to-id', 'POST', '/fqname-to-id'],
  ['id-to-name', 'POST', '/id-to-fqname'],
  ['useragent-keyvalue', 'POST', '/useragent-kv'],
  ['list-bulk-collection', 'POST', '/list-bulk-collection'],
  ['obj-perms', 'GET', '/obj-perms'],
  ['chown', 'POST', '/chown'],
  ['chmod', 'POST', '/chmod'],
  ['aaa-mode', 'GET', '/aaa-mode'],
  ['execute-job', 'POST', '/execute-job'],
  ['virtual-network-ip-alloc', 'POST', '/virtual-network/%s/ip-alloc'],
  ['virtual-network-ip-free', 'POST', '/virtual-network/%s/ip-free'],
  ['virtual-network-subnet-ip-count', 'POST', '/virtual-network/%s/subnet-ip-count'],
  ['set-tag', 'POST', '/set-tag'],
  ['security-policy-draft', 'POST', '/security-policy-draft'],
];

export const homepage: Handler = async ({ base }, { schema }) => {
  const link = (rel: string, name: string, method: string | null, path: string) => ({
    link: { rel, href: base + path, name, method },
  });
  return ok({
    href: base,
    links: [
      link('documentation', 'documentation', 'GET', '/documentation/index.html'),
      link('root', 'config-root', null, '/config-root'),
      ...schema.types.map((type) => link('collection', type, null, `/${type}s`)),
      ...schema.types.map((type) => link('resource-base', type, null, `/${type}`)),
      ...ACTIONS.map(([name, method, path]) => link('action', name, method, path)),
    ],
  });
};
