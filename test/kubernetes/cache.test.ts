/** The reflector against an HTTP server that fails as real ones do, on demand: on each of these client-node's informer stops for good. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Registry } from 'prom-client';
import { type Change, createReflector, type Reflector } from '../../kubernetes/cache.ts';
import { createCacheMetrics } from '../../kubernetes/cache-metrics.ts';
import { clientWith, type KubeObject } from '../../kubernetes/client.ts';
import { Agent } from 'node:http';
import { createLogger, type Logger } from '../../runtime/log.ts';
import { eventually } from './eventually.ts';

/** Machines that test are busy: a bound on hanging, not an expectation. */
jest.setTimeout(120_000);

interface Thing {
  readonly name: string;
  readonly uid: string;
  readonly value: string;
}

/** One list's content at a version, and what the next watches do. */
class ScriptedServer {
  objects: KubeObject[] = [];
  version = 1;
  readonly lists: URLSearchParams[] = [];
  readonly watches: URLSearchParams[] = [];
  /** Called with each watch in turn; where none is left, a watch stays open and silent. */
  readonly script: ((response: ServerResponse) => void)[] = [];
  /** Called with each list in turn; where none is left, it is answered. */
  readonly listScript: ((response: ServerResponse) => void)[] = [];
  private readonly server: Server = createServer((request, response) => this.answer(request, response));
  url = '';

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    const address = this.server.address();
    this.url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const query = new URL(request.url ?? '/', this.url).searchParams;
    if (query.get('watch') === 'true') {
      this.watches.push(query);
      return (this.script.shift() ?? open)(response);
    }
    this.lists.push(query);
    const scripted = this.listScript.shift();
    return scripted === undefined ? this.answerList(query, response) : scripted(response);
  }

  private answerList(query: URLSearchParams, response: ServerResponse): void {
    const from = Number(query.get('continue') ?? 0);
    const to = from + Number(query.get('limit'));
    const metadata = {
      resourceVersion: String(this.version),
      ...(to < this.objects.length ? { continue: String(to) } : {}),
    };
    response.end(JSON.stringify({ metadata, items: this.objects.slice(from, to) }));
  }
}

const open = (response: ServerResponse): void => response.flushHeaders();
const status =
  (code: number) =>
  (response: ServerResponse): void => {
    response.writeHead(code, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ kind: 'Status', code, message: `scripted ${code}`, reason: 'Scripted' }));
  };
const reset = (response: ServerResponse): void => void response.socket?.resetAndDestroy();
const resetInTheMiddle = (response: ServerResponse): void => {
  response.write('{"type":"ADDED","object":{"metadata"');
  setTimeout(() => response.socket?.resetAndDestroy(), 10);
};
const end = (response: ServerResponse): void => void response.end();
const garbage = (response: ServerResponse): void => void response.end('not json\n');
const errorEvent =
  (code: number) =>
  (response: ServerResponse): void => {
    response.end(`${JSON.stringify({ type: 'ERROR', object: { code, message: 'too old resource version' } })}\n`);
  };
const events =
  (...lines: readonly object[]) =>
  (response: ServerResponse): void => {
    for (const line of lines) response.write(`${JSON.stringify(line)}\n`);
  };

function thing(name: string, { uid = `uid-${name}`, value = 'a', version = '1' } = {}): KubeObject {
  return { metadata: { namespace: 'n', name, uid, resourceVersion: version }, value };
}

let server: ScriptedServer;
let abort: AbortController;
let changes: Change<Thing>[];
let agent: Agent;

beforeEach(async () => {
  server = new ScriptedServer();
  abort = new AbortController();
  changes = [];
  agent = new Agent({ keepAlive: true });
  await server.start();
});
afterEach(async () => {
  abort.abort();
  agent.destroy();
  await server.stop();
});

function start(
  options: {
    readonly registry?: Registry;
    readonly onChange?: (change: Change<Thing>) => void;
    readonly log?: Logger;
  } = {},
): Reflector<Thing> {
  const client = clientWith(async () => await Promise.resolve({ server: server.url, headers: {}, agent }));
  return createReflector<Thing>({
    client,
    path: '/things',
    signal: abort.signal,
    log: options.log ?? createLogger('test', 'silent'),
    project: (raw) =>
      raw['value'] === 'hidden'
        ? undefined
        : { name: raw.metadata.name, uid: raw.metadata.uid, value: String(raw['value']) },
    onChange: options.onChange ?? ((change) => changes.push(change)),
    ...(options.registry === undefined ? {} : { metrics: createCacheMetrics(options.registry) }),
  });
}

const told = (): string[] => changes.map(({ kind, object }) => `${kind} ${object.name} ${object.uid} ${object.value}`);

describe.each([
  ['500', status(500)],
  ['429', status(429)],
  ['503', status(503)],
  ['a reset', reset],
  ['a reset in the middle of an event', resetInTheMiddle],
  ['an ordinary end', end],
  ['an event that is no JSON', garbage],
  ['an ERROR event other than 410', errorEvent(500)],
])('a watch that is answered with %s', (_name, failure) => {
  test('is followed by another one, from the version last seen, without a list', async () => {
    server.objects = [thing('a')];
    server.script.push(failure, failure, events({ type: 'ADDED', object: thing('b', { version: '7' }) }));
    const reflector = start();
    expect(await eventually(() => reflector.get('n/b'))).toEqual({ name: 'b', uid: 'uid-b', value: 'a' });
    expect(server.lists).toHaveLength(1);
    expect(server.watches.map((query) => query.get('resourceVersion'))).toEqual(['1', '1', '1']);
    expect(reflector.stalenessMs()).toBe(0);
  });
});

describe.each([
  ['410', status(410)],
  ['an ERROR event 410', errorEvent(410)],
])('a watch that is answered with %s', (_name, failure) => {
  test('is followed by a list, which tells what went unseen', async () => {
    server.objects = [thing('stays'), thing('goes'), thing('returns', { uid: 'old' })];
    server.script.push((response) => {
      server.objects = [thing('stays'), thing('comes'), thing('returns', { uid: 'new' })];
      server.version = 9;
      failure(response);
    });
    const reflector = start();
    await eventually(() => reflector.get('n/comes'));
    await eventually(() => server.watches.length === 2);
    expect(told().slice(3)).toEqual([
      'put comes uid-comes a',
      'delete returns old a',
      'put returns new a',
      'delete goes uid-goes a',
    ]);
    expect(server.watches[1]?.get('resourceVersion')).toBe('9');
  });
});

test('what breaks a watch is told once for each reason, and again after it was open; a forgotten version is not', async () => {
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => lines.push(line) });
  server.script.push(status(500), status(500), status(410), status(503), resetInTheMiddle, status(503));
  start({ log });
  await eventually(() => server.watches.length === 7);
  const reasons = lines.map((line) => (JSON.parse(line) as { readonly reason: string }).reason);
  expect(reasons.map((reason) => /scripted \d+|aborted/.exec(reason)?.[0])).toEqual([
    'scripted 500',
    'scripted 503',
    'aborted',
    'scripted 503',
  ]);
});

test('a failing list is tried again, and the cache is not synced before it succeeds', async () => {
  server.listScript.push(status(500), reset);
  server.objects = [thing('a')];
  const reflector = start();
  expect(reflector.synced).toBe(false);
  expect(reflector.stalenessMs()).toBe(Number.POSITIVE_INFINITY);
  await reflector.whenSynced();
  expect(reflector.list()).toHaveLength(1);
});

test('a list is read in pages of 500, and nothing is deleted before its last page', async () => {
  server.objects = Array.from({ length: 1201 }, (_, index) => thing(`p${index}`));
  const reflector = start();
  await reflector.whenSynced();
  expect(reflector.list()).toHaveLength(1201);
  expect(server.lists.map((query) => query.get('limit'))).toEqual(['500', '500', '500']);
});

test('a list that breaks off in its second page deletes nothing', async () => {
  server.objects = Array.from({ length: 600 }, (_, index) => thing(`p${index}`));
  server.script.push((response) => {
    server.objects = server.objects.slice(0, 550);
    server.listScript.push(
      (next) =>
        next.end(
          JSON.stringify({ metadata: { resourceVersion: '5', continue: '500' }, items: server.objects.slice(0, 500) }),
        ),
      reset,
      reset,
    );
    status(410)(response);
  });
  const reflector = start();
  await eventually(() => server.lists.length >= 4);
  expect(reflector.list()).toHaveLength(600);
  expect(await eventually(() => reflector.list().length === 550)).toBe(true);
});

test('changes are told in order, with what was before; the same projection again is told once', async () => {
  server.script.push(
    events(
      { type: 'ADDED', object: thing('a', { version: '2' }) },
      { type: 'MODIFIED', object: thing('a', { version: '3' }) },
      { type: 'MODIFIED', object: thing('a', { version: '4', value: 'b' }) },
      { type: 'BOOKMARK', object: { metadata: { resourceVersion: '8' } } },
      { type: 'DELETED', object: thing('a', { version: '9', value: 'b' }) },
      { type: 'DELETED', object: thing('never', { version: '10' }) },
    ),
  );
  start();
  await eventually(() => changes.length === 3);
  expect(told()).toEqual(['put a uid-a a', 'put a uid-a b', 'delete a uid-a b']);
  expect(changes[1]).toMatchObject({ previous: { value: 'a' } });
});

test('an object that stops concerning us is told as deleted', async () => {
  server.objects = [thing('a'), thing('b', { value: 'hidden' })];
  server.script.push(events({ type: 'MODIFIED', object: thing('a', { version: '2', value: 'hidden' }) }));
  const reflector = start();
  await eventually(() => changes.length === 2);
  expect(told()).toEqual(['put a uid-a a', 'delete a uid-a a']);
  expect(reflector.list()).toEqual([]);
});

test('a bookmark moves the version that the next watch starts from', async () => {
  server.script.push((response) =>
    response.end(`${JSON.stringify({ type: 'BOOKMARK', object: { metadata: { resourceVersion: '77' } } })}\n`),
  );
  start();
  await eventually(() => server.watches.length === 2);
  expect(server.watches.map((query) => query.get('allowWatchBookmarks'))).toEqual(['true', 'true']);
  expect(server.watches[1]?.get('resourceVersion')).toBe('77');
});

test('a callback that throws stops nothing', async () => {
  server.objects = [thing('a'), thing('b')];
  let calls = 0;
  const reflector = start({
    onChange: () => {
      calls += 1;
      throw new Error('a bug of the caller');
    },
  });
  await reflector.whenSynced();
  expect(calls).toBe(2);
});

test('staleness grows from the loss of the watch, and is told with the restarts in the metrics', async () => {
  const registry = new Registry();
  server.script.push(
    (response) => {
      open(response);
      setTimeout(() => response.socket?.resetAndDestroy(), 50);
    },
    ...Array.from({ length: 2 }, () => status(500)),
  );
  const reflector = start({ registry });
  await eventually(() => reflector.stalenessMs() === 0);
  await eventually(() => reflector.stalenessMs() > 0 && Number.isFinite(reflector.stalenessMs()));
  expect(await registry.metrics()).toMatch(
    /opencontrail_cache_restarts_total\{list="\/things",reason="failed"\} [1-9]/,
  );
  expect(await eventually(() => reflector.stalenessMs() === 0)).toBe(true);
});
