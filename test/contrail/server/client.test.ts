/** The client: retries what a retry mends, takes turns, and says plainly what a server refused. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { ContrailError, createContrailClient } from '../../../contrail/client.ts';
import { parseRedisUrl } from '../../../runtime/redis-url.ts';

let servers: Server[] = [];

afterEach(() => {
  for (const server of servers) server.close().closeAllConnections();
  servers = [];
});

/** A server that gives these answers one after the other, the last one for ever; counts what it was asked. */
async function scripted(
  ...answers: readonly { status: number; body: string }[]
): Promise<{ url: string; asked: () => number; bodies: string[] }> {
  let asked = 0;
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      bodies.push(body);
      const answer = answers[Math.min(asked, answers.length - 1)];
      asked += 1;
      response.writeHead(answer?.status ?? 500).end(answer?.body);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked: () => asked, bodies };
}

const through = (...urls: readonly string[]) => createContrailClient({ endpoints: async () => urls });
const FOUND = { status: 200, body: '{"uuid":"u"}' };

describe('the client', () => {
  test('asks again while a server is initializing', async () => {
    const server = await scripted(
      { status: 503, body: 'Api server is Initializing' },
      { status: 502, body: '' },
      FOUND,
    );
    expect(await through(server.url).fqNameToUuid('project', ['p'])).toBe('u');
    expect(server.asked()).toBe(3);
  });

  test('takes the next server when one does not answer', async () => {
    const server = await scripted(FOUND);
    expect(await through('http://127.0.0.1:1', server.url).fqNameToUuid('project', ['p'])).toBe('u');
  });

  test('does not repeat what a server refused', async () => {
    const server = await scripted({ status: 409, body: "['p'] already exists with uuid: x" });
    await expect(through(server.url).create({ type: 'virtual-machine', fq_name: ['p'] })).rejects.toEqual(
      new ContrailError(409, "['p'] already exists with uuid: x"),
    );
    expect(server.asked()).toBe(1);
  });

  test('finds the message in the HTML page of some statuses', async () => {
    const server = await scripted({
      status: 412,
      body: '<html><body><pre>quota limit (1) exceeded</pre></body></html>',
    });
    await expect(through(server.url).create({ type: 'virtual-network', fq_name: ['p'] })).rejects.toMatchObject({
      message: 'quota limit (1) exceeded',
    });
  });

  test('takes an absence for a value: undefined when read, nothing when deleted', async () => {
    const server = await scripted({ status: 404, body: 'Unknown id: u' });
    expect(await through(server.url).read('project', 'u')).toBeUndefined();
    await through(server.url).delete('project', 'u');
  });

  test('sends no field that is the server’s own', async () => {
    const server = await scripted({ status: 200, body: '{"virtual-machine":{"uuid":"u"}}' });
    const object = {
      type: 'virtual-machine',
      fq_name: ['vm'],
      uuid: 'u',
      href: 'h',
      name: 'vm',
      id_perms: {},
      server_type: 'container',
    };
    await through(server.url).create(object);
    expect(JSON.parse(server.bodies[0] ?? '')).toEqual({
      'virtual-machine': { fq_name: ['vm'], uuid: 'u', server_type: 'container' },
    });
  });

  test('ends its calls when its signal aborts, also while it waits to ask again', async () => {
    const server = await scripted({ status: 503, body: '' });
    const stop = AbortSignal.timeout(50);
    await expect(through(server.url).withSignal(stop).read('project', 'u')).rejects.toBeDefined();
    expect(stop.aborted).toBe(true);
    expect(server.asked()).toBeLessThan(4);
  });
});

describe('a Redis URL', () => {
  test.each([
    ['redis://127.0.0.1:6379/1', { via: 'address', host: '127.0.0.1', port: 6379, tls: false, db: 1 }],
    [
      'rediss://user:p%40ss@redis.example/2',
      { via: 'address', host: 'redis.example', port: 6379, tls: true, db: 2, username: 'user', password: 'p@ss' },
    ],
    ['redis://[fd00::1]:7000', { via: 'address', host: 'fd00::1', port: 7000, tls: false, db: 0 }],
    [
      'redis+kubernetes://:pw@opencontrail/redis:6379/0',
      { via: 'kubernetes', namespace: 'opencontrail', service: 'redis', port: 6379, tls: false, db: 0, password: 'pw' },
    ],
    [
      'redis+kubernetes://opencontrail/redis',
      { via: 'kubernetes', namespace: 'opencontrail', service: 'redis', tls: false, db: 0 },
    ],
    [
      'redis+sentinel://:pw@a:1,b/main/3',
      {
        via: 'sentinel',
        sentinels: [
          { host: 'a', port: 1 },
          { host: 'b', port: 26_379 },
        ],
        master: 'main',
        tls: false,
        db: 3,
        password: 'pw',
      },
    ],
    [
      'rediss+sentinel://a/main?sentinelPassword=s%26t',
      {
        via: 'sentinel',
        sentinels: [{ host: 'a', port: 26_379 }],
        master: 'main',
        sentinelPassword: 's&t',
        tls: true,
        db: 0,
      },
    ],
    [
      'rediss+cluster://user:pw@a:7000,b',
      {
        via: 'cluster',
        nodes: [
          { host: 'a', port: 7000 },
          { host: 'b', port: 6379 },
        ],
        tls: true,
        db: 0,
        username: 'user',
        password: 'pw',
      },
    ],
  ])('%s is understood', (url, want) => {
    expect(parseRedisUrl(url)).toEqual(want);
  });

  test('of another kind is refused without its password', () => {
    expect(() => parseRedisUrl('http://:secret@host')).toThrow(expect.not.stringContaining('secret'));
  });
});
