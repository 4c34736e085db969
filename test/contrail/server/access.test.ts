/** Who may ask: TLS and a token, and neither open sockets nor a server that starts open by mistake. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { createAuthority, issueServing, type Pair } from '../../../certs/issue.ts';
import { createContrailClient } from '../../../contrail/client.ts';
import { contrailEndpoints } from '../../../contrail/endpoints.ts';
import { eventually } from '../../kubernetes/eventually.ts';
import { startRedis, type TestRedis } from '../../redis.ts';
import { writeCertificate } from './certificate.ts';
import { ask, startServer } from './support.ts';

jest.setTimeout(30_000);

let redis: TestRedis;
let folder: string;

beforeAll(async () => {
  redis = await startRedis();
  folder = mkdtempSync(join(tmpdir(), 'oc-tls-'));
});

afterAll(async () => {
  rmSync(folder, { recursive: true });
  await redis.stop();
});

const VALIDITY = { now: Date.now(), days: 1 };
const NAME = 'config-api.opencontrail.svc';
const files = () => ({ certFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key'), reloadMs: 50 });

const run = (...flags: readonly string[]): ChildProcess =>
  spawn(process.execPath, [fileURLToPath(new URL('../../../contrail/server/main.ts', import.meta.url)), ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
const ended = (child: ChildProcess): Promise<number | null> => new Promise((resolve) => child.once('exit', resolve));

describe('a server with a token', () => {
  test('tells nobody else anything but its homepage and its health', async () => {
    const server = await startServer(redis.url, { token: 'secret' });
    const status = async (path: string, headers: Record<string, string> = {}): Promise<number> =>
      (await ask(server.url, 'GET', path, { headers })).status;
    expect(await status('/projects')).toBe(401);
    expect(await status('/embedded/watch')).toBe(401);
    expect(await status('/embedded/status', { authorization: 'Bearer wrong' })).toBe(401);
    expect(await status('/projects', { authorization: 'Bearer secret' })).toBe(200);
    expect(await status('/projects', { 'x-auth-token': 'secret' })).toBe(200);
    for (const path of ['/', '/healthz', '/readyz', '/metrics']) expect(await status(path)).toBe(200);
    await server.close();
  });
});

describe('a server with a certificate', () => {
  test('speaks TLS to a client that knows its authority and its name, though it calls an address', async () => {
    const ca = writeCertificate(folder, { name: NAME, serial: '01' });
    const server = await startServer(redis.url, { token: 't', tls: files() });
    const options = { endpoints: async () => [server.url], token: 't', ca: async () => ca };
    const client = createContrailClient({ ...options, serverName: NAME });
    expect(await client.fqNameToUuid('domain', ['default-domain'])).toBeDefined();
    const impostor = createContrailClient({
      ...options,
      serverName: 'another.opencontrail.svc',
      signal: AbortSignal.timeout(1_000),
    });
    await expect(impostor.fqNameToUuid('domain', ['default-domain'])).rejects.toBeDefined();
    client.close();
    impostor.close();
    await server.close();
  });

  test('takes up a new one without a restart', async () => {
    writeCertificate(folder, { name: NAME, serial: '02' });
    const server = await startServer(redis.url, { token: 't', tls: files() });
    const serial = (): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = connect(server.port, '127.0.0.1', { rejectUnauthorized: false, servername: NAME }, () => {
          resolve(socket.getPeerCertificate().serialNumber);
          socket.destroy();
        });
        socket.on('error', reject);
      });
    expect(await serial()).toBe('02');
    writeCertificate(folder, { name: NAME, serial: '03' });
    await eventually(async () => (await serial()) === '03');
    await server.close();
  });
});

describe('a client', () => {
  /** As policy.ts has it: the next authority is published beside the old one, then it signs, then the old one goes. */
  test('outlives the rotation of the authority without a restart', async () => {
    const [old, next] = ['old', 'next'].map((name) => createAuthority(name, VALIDITY)) as [Pair, Pair];
    const caFile = join(folder, 'ca.crt');
    const serve = (authority: Pair): void => {
      const leaf = issueServing(authority, ['127.0.0.1'], VALIDITY);
      writeFileSync(join(folder, 'tls.crt'), leaf.cert);
      writeFileSync(join(folder, 'tls.key'), leaf.key);
    };
    serve(old);
    writeFileSync(caFile, old.cert);
    let server = await startServer(redis.url, { token: 't', tls: files() });
    const settings = { contrailApi: '', contrailToken: 't', contrailCa: caFile };
    const options = await contrailEndpoints(settings, { apiServer: '', caFreshMs: 20 });
    const client = createContrailClient({ ...options, endpoints: async () => [server.url] });
    // A server that starts again makes the client connect anew, so the certificate is really judged.
    const isServed = async (): Promise<boolean> => {
      await server.close();
      server = await startServer(redis.url, { token: 't', tls: files() });
      await sleep(30);
      return (await client.fqNameToUuid('domain', ['default-domain']).catch(() => undefined)) !== undefined;
    };
    expect(await isServed()).toBe(true);
    writeFileSync(caFile, old.cert + next.cert);
    serve(next);
    expect(await isServed()).toBe(true);
    writeFileSync(caFile, next.cert);
    expect(await isServed()).toBe(true);
    serve(old);
    expect(await isServed()).toBe(false);
    client.close();
    await server.close();
  });
});

describe('the program', () => {
  test('does not start open to others', async () => {
    expect(await ended(run('--listen', '0.0.0.0:0', '--redis', redis.url))).toBe(1);
  });

  test('serves a whole, open config API on loopback, and stops cleanly', async () => {
    const child = run('--listen', '127.0.0.1:0', '--redis', redis.url, '--prefix', '{program}');
    let log = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      log += chunk.toString();
    });
    for (let tries = 0; tries < 200 && !log.includes('listening'); tries += 1) await sleep(50);
    const url = /"url":"([^"]+)"/.exec(log)?.[1] ?? '';
    expect((await ask(url, 'GET', '/embedded/status')).body).toMatchObject({ state: 'ready' });
    child.kill('SIGTERM');
    expect(await ended(child)).toBe(0);
  });
});
