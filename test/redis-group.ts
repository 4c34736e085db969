/** Real groups of redis-servers on loopback: a master watched by sentinels, and a cluster whose slots can move. */
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort, startRedis, type TestRedis } from './redis.ts';

const execute = promisify(execFile);

/** Runs a command on one server by redis-cli; throws with what the server said. */
async function redisCli(port: number, ...args: readonly string[]): Promise<string> {
  const { stdout } = await execute('redis-cli', ['-e', '-p', `${port}`, ...args]);
  return stdout.trim();
}

async function until(what: string, condition: () => Promise<boolean>, limitMs = 60_000): Promise<void> {
  for (const end = Date.now() + limitMs; ; await sleep(50)) {
    if (await condition().catch(() => false)) return;
    if (Date.now() > end) throw new Error(`${what} takes too long`);
  }
}

export interface SentinelGroup {
  readonly url: string;
  /** The first is the master at the start, the second its replica. */
  readonly servers: readonly TestRedis[];
  /** Resolves when the sentinels agree on another master than the first server. */
  readonly failedOver: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

const PASSWORD = 'secret';

/** A master, its replica and three sentinels that give it up after a second of silence. */
export async function startSentinelGroup(): Promise<SentinelGroup> {
  const master = await startRedis({ password: PASSWORD, flags: ['--masterauth', PASSWORD] });
  const follow = ['--masterauth', PASSWORD, '--replicaof', '127.0.0.1', `${master.port}`];
  const replica = await startRedis({ password: PASSWORD, flags: follow });
  const login = ['-a', PASSWORD, '--no-auth-warning'];
  await until('replication', async () =>
    (await redisCli(replica.port, ...login, 'info', 'replication')).includes('master_link_status:up'),
  );
  const sentinels = await Promise.all([1, 2, 3].map(async () => await startSentinel(master.port)));
  const [first] = sentinels;
  const told = async (what: string): Promise<string> => await redisCli(first?.port ?? 0, 'sentinel', what, 'main');
  await until('the sentinels’ agreement', async () => {
    const text = await told('master');
    return /num-slaves\n1\n/.test(text) && /num-other-sentinels\n2\n/.test(text);
  });
  return {
    url: `redis+sentinel://:${PASSWORD}@${sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}/main/0`,
    servers: [master, replica],
    failedOver: async () =>
      await until('the failover', async () => (await told('get-master-addr-by-name')).endsWith(`${replica.port}`)),
    stop: async () => {
      await Promise.all([...sentinels.map(({ stop }) => stop()), master.stop(), replica.stop()]);
    },
  };
}

async function startSentinel(
  masterPort: number,
): Promise<{ readonly port: number; readonly stop: () => Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'oc-sentinel-'));
  const port = await freePort();
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${folder}`,
    `sentinel monitor main 127.0.0.1 ${masterPort} 2`,
    `sentinel auth-pass main ${PASSWORD}`,
    'sentinel down-after-milliseconds main 1000',
    'sentinel failover-timeout main 5000',
  ];
  const file = join(folder, 'sentinel.conf');
  writeFileSync(file, `${lines.join('\n')}\n`);
  const child = spawn('redis-server', [file, '--sentinel'], { stdio: 'ignore' });
  await until('a sentinel', async () => (await redisCli(port, 'ping')) === 'PONG');
  return {
    port,
    stop: async () => {
      const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      child.kill('SIGKILL');
      await gone;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export interface RedisCluster {
  readonly url: string;
  /** Moves the slot of a hash tag, `{opencontrail}`, to another master, one key after another, pausing between `batch` keys. */
  readonly moveSlot: (tag: string, pauseMs?: number) => Promise<void>;
  /** Kills the master of a slot with -9, once its replica has all that was written, and resolves when that has taken over. */
  readonly failOver: (tag: string) => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** Three masters, each with a replica; a master is given up after two seconds. */
export async function startRedisCluster(): Promise<RedisCluster> {
  const flags = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000', '--repl-diskless-sync-delay', '0'];
  const servers = await Promise.all([1, 2, 3, 4, 5, 6].map(async () => await startRedis({ flags })));
  const addresses = servers.map(({ port }) => `127.0.0.1:${port}`);
  await execute('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-replicas', '1', '--cluster-yes']);
  const [{ port: first } = { port: 0 }] = servers;
  await until('the cluster', async () => {
    const states = await Promise.all(servers.map(({ port }) => redisCli(port, 'cluster', 'info')));
    const nodes = await redisCli(first, 'cluster', 'nodes');
    return states.every((text) => text.includes('cluster_state:ok')) && nodes.split('slave').length === 4;
  });
  return {
    url: `redis+cluster://${addresses.slice(0, 3).join(',')}`,
    moveSlot: async (tag, pauseMs = 0) => await moveSlot(first, { tag, pauseMs }),
    failOver: async (tag) => {
      const owner = await ownerOf(first, tag);
      const other = servers.find(({ port }) => port !== owner.port)?.port ?? 0;
      await until('replication', async () => await replicated(owner.port));
      await servers.find(({ port }) => port === owner.port)?.kill();
      await until('the failover', async () => (await ownerOf(other, tag)).port !== owner.port);
    },
    stop: async () => void (await Promise.all(servers.map((server) => server.stop()))),
  };
}

/** A master's replica has taken all that the master had when it was asked, whatever is written meanwhile. */
async function replicated(port: number): Promise<boolean> {
  const offset = async (pattern: RegExp): Promise<number> =>
    Number(pattern.exec(await redisCli(port, 'info', 'replication'))?.[1]);
  const wanted = await offset(/master_repl_offset:(\d+)/);
  for (let tries = 0; tries < 100; tries += 1) {
    if ((await offset(/slave0:.*offset=(\d+)/)) >= wanted) return true;
    await sleep(50);
  }
  return false;
}

interface Master {
  readonly id: string;
  readonly port: number;
  readonly slots: readonly string[];
}

async function mastersSeenBy(port: number): Promise<readonly Master[]> {
  const lines = (await redisCli(port, 'cluster', 'nodes')).split('\n').map((line) => line.split(' '));
  return lines.flatMap(([id = '', address = '', flags = '', ...rest]) =>
    /master/.test(flags) && !/fail/.test(flags)
      ? [{ id, port: Number(/:(\d+)@/.exec(address)?.[1]), slots: rest.slice(5) }]
      : [],
  );
}

async function slotOf(port: number, tag: string): Promise<number> {
  return Number(await redisCli(port, 'cluster', 'keyslot', tag));
}

async function ownerOf(port: number, tag: string): Promise<Master> {
  const slot = await slotOf(port, tag);
  const holds = (range: string): boolean => {
    const [from = -1, to = from] = range.split('-').map(Number);
    return slot >= from && slot <= to;
  };
  const owner = (await mastersSeenBy(port)).find(({ slots }) => slots.some(holds));
  if (owner === undefined) throw new Error(`nobody owns slot ${slot}`);
  return owner;
}

/** As `redis-cli --cluster reshard` does it: the slot is marked at both ends, its keys move, then it is the other's. */
async function moveSlot(
  port: number,
  { tag, pauseMs }: { readonly tag: string; readonly pauseMs: number },
): Promise<void> {
  const slot = `${await slotOf(port, tag)}`;
  const source = await ownerOf(port, tag);
  const target = (await mastersSeenBy(port)).find(({ id }) => id !== source.id);
  if (target === undefined) throw new Error('there is no other master');
  await redisCli(target.port, 'cluster', 'setslot', slot, 'importing', source.id);
  await redisCli(source.port, 'cluster', 'setslot', slot, 'migrating', target.id);
  for (;;) {
    const keys = (await redisCli(source.port, 'cluster', 'getkeysinslot', slot, '20')).split('\n').filter(Boolean);
    if (keys.length === 0) break;
    await redisCli(source.port, 'migrate', '127.0.0.1', `${target.port}`, '', '0', '5000', 'keys', ...keys);
    await sleep(pauseMs);
  }
  for (const { port: each } of [target, source]) await redisCli(each, 'cluster', 'setslot', slot, 'node', target.id);
  for (const { port: each, id } of await mastersSeenBy(port)) {
    if (id !== target.id && id !== source.id) await redisCli(each, 'cluster', 'setslot', slot, 'node', target.id);
  }
}
