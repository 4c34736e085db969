/** The recorded session of a real server, replayed in order: what is not alike is known and has a reason. */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ConfigServer } from '../../../contrail/server/server.ts';
import { startRedis, type TestRedis } from '../../redis.ts';
import { DEVIATIONS } from './deviations.ts';
import { type Difference, loadSession, replay } from './replay.ts';
import { ask, startServer } from './support.ts';

const TABLE = new URL('../../../docs/config-api-compatibility.md', import.meta.url);
/** Of 305; may grow, must not shrink. */
const ALIKE = 292;

let redis: TestRedis;
let server: ConfigServer;
let differences: Difference[];
const session = loadSession();

beforeAll(async () => {
  redis = await startRedis();
  server = await startServer(redis.url);
  differences = await replay(session, server.url, ({ method, path, body, headers }) =>
    ask(server.url, method, path, { body, ...(headers === undefined ? {} : { headers }) }),
  );
});

afterAll(async () => {
  await server.close();
  await redis.stop();
});

describe('a recorded session of the real server', () => {
  test('holds all 305 exchanges', () => {
    expect(session).toHaveLength(305);
  });

  test('is answered alike but for known deviations', () => {
    const unknown = differences.filter(({ n }) => DEVIATIONS[n] === undefined);
    expect(unknown).toEqual([]);
  });

  test('deviates only where a deviation is listed', () => {
    expect(differences.map(({ n }) => n)).toEqual(Object.keys(DEVIATIONS).map(Number));
  });

  test('is answered alike in as many exchanges as before', () => {
    expect(session.length - differences.length).toBeGreaterThanOrEqual(ALIKE);
  });

  test('is documented: docs/config-api-compatibility.md is up to date (UPDATE_GOLDEN=1 rewrites it)', () => {
    const text = tableOf(differences);
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(TABLE, text);
    expect(readFileSync(TABLE, 'utf8')).toBe(text);
  });
});

function tableOf(found: readonly Difference[]): string {
  const rows = found.map(
    ({ n, note, request }) =>
      `| ${n} | ${note} | \`${request.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/, '<uuid>')}\` | ${DEVIATIONS[n] ?? ''} |`,
  );
  return `# How alike the embedded config API and a real one are

A session of ${session.length} exchanges, recorded from a real Contrail API server, is replayed against the embedded server by
\`test/contrail/server/replay.test.ts\`, in order. ${session.length - found.length} are answered alike: status, content type, ETag and the whole body, texts of
errors included; UUIDs that a server chooses are matched one to one, times are left out, lists are compared as sets.

These differ, on purpose:

| exchange | what it asks | request | why the answer differs |
| --- | --- | --- | --- |
${rows.join('\n')}
`;
}
