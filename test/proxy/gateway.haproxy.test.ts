/** A real HAProxy at what Gateways and their routes yield: who is sent where, and with what. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createAuthority, issueServing } from '../../certs/issue.ts';
import type { SlimGateway } from '../../kubernetes/gateway.ts';
import type { SlimRoute } from '../../kubernetes/gateway-route.ts';
import type { SecretContent } from '../../proxy/certificate-secret.ts';
import { createKeeper, type Keeper } from '../../proxy/haproxy/keeper.ts';
import { createLogger } from '../../runtime/log.ts';
import { freePort } from '../workers/programs.ts';
import { compiled, gateway, prefix, route, rule, type World } from './gateway-objects.ts';
import { ask, type Asked, askTls, startUpstream, type Upstream } from './upstreams.ts';

const folder = mkdtempSync(join(tmpdir(), 'oc-proxy-'));
const upstreams = new Map<string, Upstream>();
const inside = new Map<number, number>();
let keeper: Keeper;

beforeAll(async () => {
  for (const name of ['one', 'two', 'three', 'four']) upstreams.set(name, await startUpstream(name));
  for (const port of [80, 443, 8080, 9000]) inside.set(port, await freePort());
  const place = { folder, httpPort: await freePort(), httpsPort: await freePort(), drainSeconds: 30 };
  keeper = createKeeper(place, { log: createLogger('test', 'silent'), onEnd: () => undefined });
});

afterAll(async () => {
  await keeper.stop();
  await Promise.all([...upstreams.values()].map((each) => each.stop()));
  rmSync(folder, { recursive: true });
});

const insideOf = (_gateway: SlimGateway, port: number) => inside.get(port);

async function serve(gateways: readonly SlimGateway[], routes: readonly SlimRoute[], world: World = {}): Promise<void> {
  const services = Object.fromEntries([...upstreams].map(([name, { at }]) => [name, [at]]));
  const { entrances, backends } = compiled(gateways, routes, { services, insideOf, ...world });
  const byName = new Map(backends.map((each) => [each.name, each]));
  const paths = { exact: new Map(), prefixes: new Map() };
  await keeper.serve({ entrances, paths, certificates: [], backends: [...byName.values()] });
}

const at = (port: number): number => inside.get(port) ?? 0;

async function whoAnswers(host: string, path: string, asked: Asked = {}, port = 80): Promise<string> {
  const { status, name } = await ask(at(port), host, path, asked);
  return name ?? String(status);
}

const exact = (value: string) => ({ path: { type: 'Exact', value } });

const parentRefs = (sectionName: string) => ({ parentRefs: [{ name: 'web', sectionName }] });

describe('HTTPRoutes: who is sent where', () => {
  beforeAll(async () => {
    await serve(
      [gateway({})],
      [
        route('paths', {
          hostnames: ['a.example'],
          rules: [
            rule('one', { matches: [prefix('/')] }),
            rule('two', { matches: [prefix('/shop/')] }),
            rule('three', { matches: [prefix('/shop/cart'), exact('/exact')] }),
            rule('four', { matches: [exact('/shop')] }),
          ],
        }),
        route('wild', { hostnames: ['*.a.example', '*.example'], rules: [rule('two')] }),
        route('conditions', {
          hostnames: ['c.example'],
          rules: [
            rule('one', { matches: [{ method: 'POST' }] }),
            rule('two', { matches: [{ headers: [{ name: 'X-Env', value: 'it\'s "}" 100% \\1' }] }] }),
            rule('three', { matches: [prefix('/v2', { headers: [{ name: 'color', value: 'blue' }] })] }),
            rule('four', { matches: [{ queryParams: [{ name: 'q', value: 'x' }] }] }),
            rule('three', {
              matches: [
                {
                  headers: Array.from({ length: 16 }, (_, index) => ({ name: `h${index}`, value: 'v' })),
                  queryParams: Array.from({ length: 16 }, (_, index) => ({ name: `q${index}`, value: 'v' })),
                },
              ],
            }),
          ],
        }),
      ],
    );
  });

  test.each([
    ['a.example', '/', 'one'],
    ['A.EXAMPLE:80', '/x?y=/shop', 'one'],
    ['a.example', '/shop', 'four'],
    ['a.example', '/shop/', 'two'],
    ['a.example', '/shopping', 'one'],
    ['a.example', '/shop/cart', 'three'],
    ['a.example', '/shop/carts', 'two'],
    ['a.example', '/exact', 'three'],
    ['a.example', '/exact/', 'one'],
    ['x.y.a.example', '/', 'two'],
    ['b.example', '/', 'two'],
    ['example', '/', '404'],
    ['', '/', '404'],
  ])('%s%s: %s', async (host, path, name) => {
    expect(await whoAnswers(host, path)).toBe(name);
  });

  test.each<[string, string, Asked, string]>([
    ['a method', '/x', { method: 'POST' }, 'one'],
    ['a header of any text', '/x', { headers: { 'x-env': 'it\'s "}" 100% \\1' } }, 'two'],
    ['a longer path before a method', '/v2', { method: 'POST', headers: { color: 'blue' } }, 'three'],
    ['a query parameter', '/x?q=x', {}, 'four'],
    ['a host of no other rule falls to the wildcard', '/x?q=y', {}, 'two'],
    [
      'as many conditions as the API admits',
      `/x?${Array.from({ length: 16 }, (_, index) => `q${index}=v`).join('&')}`,
      { headers: Object.fromEntries(Array.from({ length: 16 }, (_, index) => [`h${index}`, 'v'])) },
      'three',
    ],
  ])('%s (%s)', async (_what, path, asked, name) => {
    expect(await whoAnswers('c.example', path, asked)).toBe(name);
  });

  test('a host belongs to its most specific listener, whose routes alone count', async () => {
    const listeners = [
      { name: 'any' },
      { name: 'wild', hostname: '*.example' },
      { name: 'own', hostname: 'a.example' },
    ];
    await serve(
      [gateway(...listeners)],
      [
        route('any', { ...parentRefs('any'), rules: [rule('one')] }),
        route('wild', { ...parentRefs('wild'), rules: [rule('two')] }),
        route('own', { ...parentRefs('own'), rules: [rule('three', { matches: [prefix('/own')] })] }),
      ],
    );
    const hosts = ['b.test', 'b.example', 'a.example'];
    expect(await Promise.all(hosts.map((host) => whoAnswers(host, '/')))).toEqual(['one', 'two', '404']);
    expect(await whoAnswers('a.example', '/own/x')).toBe('three');
  });

  test('shares of requests are as asked for; a missing Service’s share is answered 500, no back end 500', async () => {
    const shares = [
      { name: 'one', port: 80, weight: 6 },
      { name: 'two', port: 80, weight: 3 },
      { name: 'gone', port: 80, weight: 1 },
      { name: 'four', port: 80, weight: 0 },
    ];
    const rules = [{ backendRefs: shares }, { matches: [prefix('/none')] }];
    await serve([gateway({})], [route('weighted', { rules })]);
    const seen: Record<string, number> = {};
    for (let each = 0; each < 400; each += 1) {
      const name = await whoAnswers('a.example', '/');
      seen[name] = (seen[name] ?? 0) + 1;
    }
    expect(Object.keys(seen).sort()).toEqual(['500', 'one', 'two']);
    // Six standard deviations of 400 draws are 59.
    expect(Math.abs((seen['one'] ?? 0) - 240)).toBeLessThan(59);
    expect(Math.abs((seen['two'] ?? 0) - 120)).toBeLessThan(59);
    expect(await whoAnswers('a.example', '/none')).toBe('500');
  });

  test('two Gateways have ports of their own', async () => {
    const other = gateway({ port: 8080 });
    await serve(
      [gateway({}), { ...other, name: 'other', uid: 'other' }],
      [route('one', { rules: [rule('one')] }), route('two', { parentRefs: [{ name: 'other' }], rules: [rule('two')] })],
    );
    expect([await whoAnswers('a.example', '/'), await whoAnswers('a.example', '/', {}, 8080)]).toEqual(['one', 'two']);
  });
});

const header = (type: 'request' | 'response', modifier: object) => ({
  type: `${type === 'request' ? 'Request' : 'Response'}HeaderModifier`,
  [`${type}HeaderModifier`]: modifier,
});

const redirect = (requestRedirect: object) => ({ type: 'RequestRedirect', requestRedirect });

const rewrite = (urlRewrite: object) => ({ type: 'URLRewrite', urlRewrite });

const only = (path: string, ...filters: readonly object[]) => ({ matches: [prefix(path)], filters });

describe('HTTPRoutes: what is done to requests', () => {
  beforeAll(async () => {
    const set = [{ name: 'X-Set', value: 'it\'s "100%" %[src] \\ #' }];
    const add = [{ name: 'X-Add', value: 'more' }];
    const rules = [
      rule('one', only('/headers', header('request', { set, add, remove: ['X-Gone'] }))),
      rule(
        'one',
        only('/answers', header('response', { set: [{ name: 'X-Answer', value: 'yes' }], remove: ['X-Answered-By'] })),
      ),
      only('/redirect', redirect({})),
      only('/moved', redirect({ scheme: 'https', hostname: 'b.example', statusCode: 301 })),
      only('/port', redirect({ port: 8443 })),
      only('/full', redirect({ path: { type: 'ReplaceFullPath', replaceFullPath: '/new?' } })),
      only('/old/', redirect({ path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/n\\1w/' } })),
      rule(
        'one',
        only(
          '/rewrite',
          rewrite({ hostname: 'in.example', path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/' } }),
        ),
      ),
      {
        ...only('/own'),
        backendRefs: [
          { name: 'one', port: 80, filters: [header('request', { set: [{ name: 'X-Set', value: 'own' }] })] },
        ],
      },
    ];
    await serve([gateway({}, { name: 'other', port: 8080 })], [route('filters', { rules })]);
  });

  test('headers are set, added and removed, whatever the text', async () => {
    const headers = { 'X-Add': 'some', 'X-Gone': 'x', 'X-Set': 'old' };
    const answer = await ask(at(80), 'a.example', '/headers', { headers });
    expect(answer).toMatchObject({
      'x-set': 'it\'s "100%" %[src] \\ #',
      'x-add': 'some, more',
      'x-forwarded-port': '80',
    });
    expect(answer['x-gone']).toBeUndefined();
    expect(await ask(at(80), 'a.example', '/own')).toMatchObject({ 'x-set': 'own' });
    const other = await ask(at(80), 'a.example', '/answers');
    expect([other['x-answer'], other['x-answered-by']]).toEqual(['yes', undefined]);
  });

  test.each([
    ['/redirect/x?y=1', 302, 'http://a.example/redirect/x?y=1'],
    ['/moved', 301, 'https://b.example/moved'],
    ['/port', 302, 'http://a.example:8443/port'],
    ['/old', 302, 'http://a.example/n\\1w'],
    ['/old/x?y=1', 302, 'http://a.example/n\\1w/x?y=1'],
  ])('%s is sent on: %s %s', async (path, status, location) => {
    expect(await ask(at(80), 'a.example', path)).toMatchObject({ status, location });
  });

  test('a redirect keeps a port that its scheme does not imply', async () => {
    expect(await ask(at(8080), 'a.example:8080', '/redirect')).toMatchObject({
      location: 'http://a.example:8080/redirect',
    });
    expect(await ask(at(8080), 'a.example', '/moved')).toMatchObject({ location: 'https://b.example/moved' });
  });

  test('host and path are rewritten', async () => {
    expect(await ask(at(80), 'a.example', '/rewrite/x?y=1')).toMatchObject({ path: '/x?y=1', host: 'in.example' });
    expect(await ask(at(80), 'a.example', '/rewrite')).toMatchObject({ path: '/' });
  });
});

const https = (name: string, hostname?: string) => ({
  name,
  port: 443,
  protocol: 'HTTPS',
  ...(hostname === undefined ? {} : { hostname }),
  tls: { certificateRefs: [{ name }] },
});

describe('TLS and TCP', () => {
  const authority = createAuthority('test', { now: Date.now(), days: 2 });
  const certificate = (name: string) => issueServing(authority, [name], { now: Date.now(), days: 1 });
  const content = (name: string): SecretContent => {
    const { cert, key } = certificate(name);
    return { kind: 'certificate', pem: `${cert}${key}` };
  };
  const secrets = { 'shop/a': content('a.example'), 'shop/any': content('any.example') };

  test('each HTTPS listener shows its certificate', async () => {
    await serve([gateway(https('a', 'a.example'), https('any'))], [route('r', { rules: [rule('one')] })], { secrets });
    expect(await askTls(at(443), 'a.example')).toEqual({ subject: 'a.example', status: 200 });
    expect(await askTls(at(443), 'b.example')).toEqual({ subject: 'any.example', status: 200 });
  });

  test('TLS is passed through by SNI, beside HTTPS at the same port', async () => {
    const own = await startUpstream('own', '127.0.0.1', certificate('own.example'));
    const passed = { name: 'tls', port: 443, protocol: 'TLS', hostname: '*.own.example', tls: { mode: 'Passthrough' } };
    const services = { own: [own.at], one: [upstreams.get('one')?.at ?? ''] };
    await serve(
      [gateway(https('a', 'a.example'), passed)],
      [
        route('http', { rules: [rule('one')] }),
        route('tls', { hostnames: ['x.own.example'], rules: [rule('own')] }, 'TLSRoute'),
      ],
      { secrets, services },
    );
    expect(await askTls(at(443), 'x.own.example')).toEqual({ subject: 'own.example', status: 200 });
    expect(await askTls(at(443), 'a.example')).toEqual({ subject: 'a.example', status: 200 });
    await expect(askTls(at(443), 'y.own.example')).rejects.toThrow();
    await expect(askTls(at(443), 'b.example')).rejects.toThrow();
    await own.stop();
  });

  test('TCP goes to the oldest route’s back ends by their shares', async () => {
    const backendRefs = [
      { name: 'one', port: 80 },
      { name: 'two', port: 80 },
    ];
    await serve(
      [gateway({ name: 'tcp', port: 9000, protocol: 'TCP' })],
      [route('old', { rules: [{ backendRefs }] }, 'TCPRoute'), route('young', { rules: [rule('three')] }, 'TCPRoute')],
    );
    const seen = new Set<string>();
    for (let each = 0; each < 40; each += 1) seen.add(await whoAnswers('a.example', '/', {}, 9000));
    expect([...seen].sort()).toEqual(['one', 'two']);
    await serve([gateway({ name: 'tcp', port: 9000, protocol: 'TCP' })], []);
    await expect(ask(at(9000), 'a.example')).rejects.toThrow();
  });
});
