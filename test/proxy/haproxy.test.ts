/** A real HAProxy at what Ingresses yield: who is sent where, and what a change does to those who are being served. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createAuthority, issueServing } from '../../certs/issue.ts';
import { createKeeper, type Keeper } from '../../proxy/haproxy/keeper.ts';
import { compileIngresses } from '../../proxy/ingress/compile.ts';
import type { SecretContent } from '../../proxy/certificate-secret.ts';
import { createLogger } from '../../runtime/log.ts';
import { freePort } from '../workers/programs.ts';
import { startLoad } from './load.ts';
import { ingresses, type IngressSpec, viewOf } from './objects.ts';
import { ask, askTls, startUpstream, type Upstream } from './upstreams.ts';

const folder = mkdtempSync(join(tmpdir(), 'oc-proxy-'));
const upstreams = new Map<string, Upstream>();
let httpPort = 0;
let httpsPort = 0;
let keeper: Keeper;

beforeAll(async () => {
  for (const name of ['one', 'two', 'three', 'four', 'five']) upstreams.set(name, await startUpstream(name));
  [httpPort, httpsPort] = [await freePort(), await freePort()];
  const place = { folder, httpPort, httpsPort, drainSeconds: 10 };
  keeper = createKeeper(place, { log: createLogger('test', 'silent'), onEnd: () => undefined });
  await serve([]);
});

afterAll(async () => {
  await keeper.stop();
  await Promise.all([...upstreams.values()].map((each) => each.stop()));
  rmSync(folder, { recursive: true });
});

type Services = Readonly<Record<string, readonly string[]>>;

/** A Service for each upstream, by its name. */
const ALL: Services = { one: ['one'], two: ['two'], three: ['three'], four: ['four'], five: ['five'] };

async function serve(
  specs: readonly IngressSpec[],
  services = ALL,
  secrets: Readonly<Record<string, SecretContent>> = {},
  annotations: Readonly<Record<string, string>> = {},
) {
  const at = Object.entries(services).map(([name, members]) => [name, members.map((each) => upstreams.get(each)!.at)]);
  const view = viewOf(Object.fromEntries(at) as Services, secrets, annotations);
  return await keeper.serve({ ...compileIngresses(ingresses(...specs), view).model, entrances: [] });
}

async function whoAnswers(host: string, path: string): Promise<string> {
  const { status, name } = await ask(httpPort, host, path);
  return name ?? String(status);
}

describe('who is sent where', () => {
  const rules: IngressSpec['rules'] = {
    'a.example': [
      { path: '/', to: 'one' },
      { path: '/shop', to: 'two' },
      { path: '/shop/cart/', to: 'three' },
      { path: '/shop', type: 'Exact', to: 'four' },
      { path: '/own', type: 'ImplementationSpecific', to: 'five' },
    ],
    '*.a.example': [{ path: '/wild', to: 'two' }],
    'b.a.example': [{ path: '/exactly', to: 'three' }],
    '': [{ path: '/anywhere', to: 'four' }],
  };

  beforeAll(async () => void (await serve([{ rules }, { name: 'default', fallback: { to: 'five' } }])));

  test.each([
    ['a.example', '/', 'one'],
    ['A.Example:8080', '/', 'one'],
    ['a.example', '/shop', 'four'],
    ['a.example', '/shop?q=/shop/cart', 'four'],
    ['a.example', '/shop/', 'two'],
    ['a.example', '/shop/x', 'two'],
    ['a.example', '/shopping', 'one'],
    ['a.example', '/shop/cart', 'three'],
    ['a.example', '/shop/cart/1', 'three'],
    ['a.example', '/shop/carts', 'two'],
    ['a.example', '/own/x', 'five'],
    ['x.a.example', '/wild/x', 'two'],
    ['y.x.a.example', '/wild/x', 'five'],
    ['a.example', '/wild', 'one'],
    ['b.a.example', '/exactly', 'three'],
    ['b.a.example', '/wild', 'two'],
    ['c.example', '/anywhere', 'four'],
    ['b.a.example', '/anywhere', 'four'],
    ['c.example', '/else', 'five'],
    ['', '/else', 'five'],
    ['192.0.2.1', '/else', 'five'],
    ['[2001:db8::1]:80', '/anywhere', 'four'],
  ])('%s%s: %s', async (host, path, name) => {
    expect(await whoAnswers(host, path)).toBe(name);
  });

  test('without a default back end, what no rule matches is answered 404, a Service without endpoints 503', async () => {
    await serve(
      [
        {
          rules: {
            'a.example': [
              { path: '/one', to: 'one' },
              { path: '/none', to: 'none' },
            ],
          },
        },
      ],
      {
        ...ALL,
        none: [],
      },
    );
    expect(await whoAnswers('a.example', '/one')).toBe('one');
    expect(await whoAnswers('a.example', '/none')).toBe('503');
    expect(await whoAnswers('a.example', '/two')).toBe('404');
    expect(await whoAnswers('b.example', '/one')).toBe('404');
  });

  test('back ends are told who asks, whatever he says himself', async () => {
    await serve([{ rules: { '': [{ to: 'one' }] } }]);
    expect(await ask(httpPort, 'a.example')).toMatchObject({
      'x-forwarded-for': expect.stringMatching(/127\.0\.0\.1$/),
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'a.example',
    });
  });
});

describe('what a change does', () => {
  const spec = { rules: { 'a.example': [{ to: 'web' }] } };

  test('endpoints come and go without a reload', async () => {
    await serve([spec], { web: ['one', 'two'] });
    expect(await serve([spec], { web: ['two', 'three'] })).toBe('moved');
    const seen = new Set<string>();
    for (let each = 0; each < 12; each += 1) seen.add(await whoAnswers('a.example', '/'));
    expect([...seen].sort()).toEqual(['three', 'two']);
    expect(await serve([spec], { web: [] })).toBe('moved');
    expect(await whoAnswers('a.example', '/')).toBe('503');
    expect(await serve([spec], { web: ['four'] })).toBe('moved');
    expect(await whoAnswers('a.example', '/')).toBe('four');
    expect(await serve([spec], { web: ['four'] })).toBe('unchanged');
  });

  test('what was told to the running HAProxy outlasts a reload', async () => {
    await serve([spec], { web: ['one'] });
    await serve([spec], { web: ['two'] });
    const other = { name: 'other', rules: { 'b.example': [{ to: 'three' }] } };
    expect(await serve([spec, other], { ...ALL, web: ['two'] })).toBe('reloaded');
    expect([await whoAnswers('a.example', '/'), await whoAnswers('b.example', '/')]).toEqual(['two', 'three']);
  });

  test('under load neither reloads nor moves lose a request', async () => {
    await serve([spec], { web: ['one', 'two'] });
    const load = startLoad({ port: httpPort, host: 'a.example', perSecond: 200, keepAlive: 4 });
    for (let round = 0; round < 8; round += 1) {
      const other = { name: 'other', rules: { [`host-${round}.example`]: [{ to: 'three' }] } };
      await serve([spec, other], { ...ALL, web: ['one', 'two', 'three'].slice(round % 2) });
      await load.forMs(150);
      await serve([spec, other], { ...ALL, web: ['four', 'five'] });
      await load.forMs(150);
    }
    const { asked, failures } = await load.stop();
    expect(failures).toEqual([]);
    expect(asked).toBeGreaterThan(300);
  });

  test('a model that HAProxy refuses changes nothing', async () => {
    await serve([spec], { web: ['one'] });
    const broken = { kind: 'certificate', pem: 'no PEM at all' } as const;
    const tls = [{ hosts: ['a.example'], secretName: 'broken' }];
    await expect(serve([{ ...spec, tls }], { web: ['one'] }, { 'shop/broken': broken })).rejects.toThrow(
      /PEM|certificate/,
    );
    expect(await whoAnswers('a.example', '/')).toBe('one');
    expect(await serve([spec], { web: ['two'] })).toBe('moved');
    expect(await whoAnswers('a.example', '/')).toBe('two');
  });
});

/** Waits until several requests are answered by these alone. */
async function untilAnswered(want: string): Promise<void> {
  for (let tries = 0, seen = ''; seen !== want; tries += 1) {
    const answers = new Set<string>();
    for (let each = 0; each < 8; each += 1) answers.add(await whoAnswers('a.example', '/'));
    seen = [...answers].sort().join(' ');
    if (tries > 100) expect(seen).toBe(want);
    await sleep(100);
  }
}

const check = (value: object) => ({ 'opencontrail.org/health-check': JSON.stringify(value) });

describe('health checks', () => {
  const spec = { rules: { 'a.example': [{ to: 'web' }] } };
  const BRIEF = { delay: 1, timeout: 1, retries: 1 };
  const both = { web: ['one', 'two'] };

  test('who fails is left out until it succeeds; where all do, requests are answered 503', async () => {
    await serve([spec], both, {}, check({ type: 'HTTP', path: '/healthz', ...BRIEF }));
    await untilAnswered('one two');
    upstreams.get('one')!.health.status = 500;
    await untilAnswered('two');
    upstreams.get('two')!.health.status = 404;
    await untilAnswered('503');
    upstreams.get('one')!.health.status = 302;
    await untilAnswered('one');
    upstreams.get('two')!.health.status = 200;
    await untilAnswered('one two');
  });

  test('endpoints that are moved are checked where they are now', async () => {
    const annotations = check({ type: 'HTTP', path: '/healthz', ...BRIEF });
    upstreams.get('three')!.health.status = 500;
    await serve([spec], { web: ['one', 'three'] }, {}, annotations);
    await untilAnswered('one');
    expect(await serve([spec], both, {}, annotations)).toBe('moved');
    await untilAnswered('one two');
  });

  test.each<[string, () => object]>([
    ['another port', () => ({ type: 'HTTP', path: '/healthz', port: upstreams.get('three')!.port })],
    ['a path that needs quoting', () => ({ type: 'HTTP', path: `/healthz#'"\\%[src]` })],
    ['TCP', () => ({ type: 'TCP' })],
    ['PING', () => ({ type: 'PING' })],
  ])('%s', async (title, value) => {
    upstreams.get('three')!.health.status = 500;
    await serve([spec], both, {}, check({ ...value(), ...BRIEF }));
    await untilAnswered(title === 'another port' ? '503' : 'one two');
  });

  test('a check that nobody understands is not done', async () => {
    await serve([spec], both, {}, { 'opencontrail.org/health-check': 'yes' });
    await untilAnswered('one two');
  });
});

describe('TLS', () => {
  const authority = createAuthority('test', { now: Date.now(), days: 2 });
  const certificate = (name: string): SecretContent => {
    const { cert, key } = issueServing(authority, [name], { now: Date.now(), days: 1 });
    return { kind: 'certificate', pem: `${cert}${key}` };
  };
  const rules = { '': [{ to: 'one' }] };
  const named = { name: 'named', tls: [{ hosts: ['a.example', '*.b.example'], secretName: 'named' }] };
  const fallback = { name: 'fallback', tls: [{ secretName: 'fallback' }] };
  const secrets = { 'shop/named': certificate('named.example'), 'shop/fallback': certificate('fallback.example') };

  test('each host is shown its certificate, others the default one', async () => {
    await serve([{ rules }, named, fallback], ALL, secrets);
    expect(await askTls(httpsPort, 'a.example')).toEqual({ subject: 'named.example', status: 200 });
    expect(await askTls(httpsPort, 'x.b.example')).toEqual({ subject: 'named.example', status: 200 });
    expect(await askTls(httpsPort, 'c.example')).toEqual({ subject: 'fallback.example', status: 200 });
  });

  test('without a default certificate, an unknown host gets no handshake', async () => {
    await serve([{ rules }, named], ALL, secrets);
    await expect(askTls(httpsPort, 'c.example')).rejects.toThrow();
    expect(await askTls(httpsPort, 'a.example')).toMatchObject({ subject: 'named.example' });
  });

  test('a renewed certificate is shown, and the old one’s key does not stay', async () => {
    await serve([{ rules }, named], ALL, secrets);
    await serve([{ rules }, named], ALL, { 'shop/named': certificate('renewed.example') });
    expect(await askTls(httpsPort, 'a.example')).toMatchObject({ subject: 'renewed.example' });
    expect(readdirSync(join(folder, 'certificates'))).toHaveLength(1);
  });
});
