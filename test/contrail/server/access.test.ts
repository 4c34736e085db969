/** Who may ask: TLS and a token, and neither open sockets nor a server that starts open by mistake. */
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import forge from 'node-forge';
import { createContrailClient } from '../../../contrail/client.ts';
import { startRedis, type TestRedis } from '../../redis.ts';
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

/** Writes a self-signed certificate for `config-api.opencontrail.svc` and returns it. */
function writeCertificate(serial: string): string {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = forge.pki.privateKeyFromPem(privateKey.export({ type: 'pkcs1', format: 'pem' }).toString());
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.setRsaPublicKey(key.n, key.e);
  certificate.serialNumber = serial;
  certificate.validity.notAfter.setFullYear(certificate.validity.notBefore.getFullYear() + 1);
  const name = [{ name: 'commonName', value: 'config-api' }];
  certificate.setSubject(name);
  certificate.setIssuer(name);
  certificate.setExtensions([
    { name: 'subjectAltName', altNames: [{ type: 2, value: 'config-api.opencontrail.svc' }] },
  ]);
  certificate.sign(key, forge.md.sha256.create());
  const pem = forge.pki.certificateToPem(certificate);
  writeFileSync(join(folder, 'tls.crt'), pem);
  writeFileSync(join(folder, 'tls.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  return pem;
}

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
    const ca = writeCertificate('01');
    const server = await startServer(redis.url, { token: 't', tls: files() });
    const options = { endpoints: async () => [server.url], token: 't', ca };
    const client = createContrailClient({ ...options, serverName: 'config-api.opencontrail.svc' });
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
    writeCertificate('02');
    const server = await startServer(redis.url, { token: 't', tls: files() });
    const serial = (): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = connect(
          server.port,
          '127.0.0.1',
          { rejectUnauthorized: false, servername: 'config-api.opencontrail.svc' },
          () => {
            resolve(socket.getPeerCertificate().serialNumber);
            socket.destroy();
          },
        );
        socket.on('error', reject);
      });
    expect(await serial()).toBe('02');
    writeCertificate('03');
    let seen = '';
    for (let tries = 0; tries < 100 && seen !== '03'; tries += 1) {
      await sleep(50);
      seen = await serial();
    }
    expect(seen).toBe('03');
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
