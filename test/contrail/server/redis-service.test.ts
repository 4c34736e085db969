/** Redis behind a Service: found through the API server, asked again until it is there, and again when it has moved. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { createRedis } from '../../../runtime/redis.ts';
import { startRedis, type TestRedis } from '../../redis.ts';
import { writeCertificate } from './certificate.ts';

jest.setTimeout(30_000);

let folder: string;
let api: Server;
let redis: TestRedis[];
/** What the API server answers next; the last answer stays. */
let answers: { status: number; ports: readonly number[] }[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'oc-api-'));
  writeCertificate(folder, { name: 'kubernetes', serial: '01', isLocal: true });
  writeFileSync(join(folder, 'token'), 'token');
  api = createServer(
    { cert: readFileSync(join(folder, 'tls.crt')), key: readFileSync(join(folder, 'tls.key')) },
    (_request, response) => {
      const [answer] = answers.length > 1 ? answers.splice(0, 1) : answers;
      const items = (answer?.ports ?? []).map((port) => ({
        endpoints: [{ addresses: ['127.0.0.1'] }],
        ports: [{ port }],
      }));
      response.writeHead(answer?.status ?? 500).end(JSON.stringify({ items }));
    },
  );
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
  redis = await Promise.all([startRedis({ password: 'pw' }), startRedis({ password: 'pw' })]);
});

afterAll(async () => {
  api.close().closeAllConnections();
  for (const each of redis) await each.stop();
  rmSync(folder, { recursive: true });
});

test('a Redis that is not there yet is waited for, and one that moved is found', async () => {
  const [first, second] = redis.map(({ port }) => port);
  answers = [
    { status: 500, ports: [] },
    { status: 200, ports: [] },
    { status: 200, ports: [first!] },
  ];
  const errors: string[] = [];
  const connection = createRedis('redis+kubernetes://:pw@opencontrail/redis/0', {
    access: {
      apiServer: `https://127.0.0.1:${(api.address() as AddressInfo).port}`,
      tokenFile: join(folder, 'token'),
      caFile: join(folder, 'tls.crt'),
    },
    onError: (error) => errors.push(error.message),
  });
  expect(await connection.set('key', 'value')).toBe('OK');
  expect(errors).toEqual([expect.stringContaining('answered 500'), 'the Redis Service has no ready address']);

  answers = [{ status: 200, ports: [second!] }];
  await redis[0]!.kill();
  expect(await connection.get('key')).toBeNull();
  expect(await connection.set('key', 'moved')).toBe('OK');
  connection.disconnect();
});
