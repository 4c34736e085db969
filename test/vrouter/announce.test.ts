/** Addresses of the outside's: who holds which, who is thought alive, and what the neighbourhood is told. */
import { afterEach, describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLogger } from '../../runtime/log.ts';
import { held } from '../../vrouter/announce/choice.ts';
import { askersTable } from '../../vrouter/announce/askers.ts';
import { announcementFrame } from '../../vrouter/announce/frames.ts';
import { createAnnouncer } from '../../vrouter/announce/announcer.ts';
import { createHeartbeat, type Heartbeat } from '../../vrouter/announce/heartbeat.ts';
import { runHere } from '../../vrouter/apply/run.ts';

const NODES = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];
const addresses = Array.from({ length: 60 }, (_, index) => `198.51.100.${index}`);
const announcements = addresses.map((address) => ({ address, nodes: NODES }));
const heldBy = (alive: readonly string[]) =>
  alive.map((own) =>
    held(announcements, { own, alive: new Set(alive.filter((node) => node !== own)) }).map(({ address }) => address),
  );

describe('each address', () => {
  test('is held by one node, and every node has a share', () => {
    const shares = heldBy(NODES);
    expect(shares.flat().sort()).toEqual([...addresses].sort());
    expect(Math.min(...shares.map(({ length }) => length))).toBeGreaterThan(8);
  });

  test('stays where it is when another node dies', () => {
    const [first = [], second = []] = heldBy(NODES);
    const [firstAlone = [], secondAlone = []] = heldBy(NODES.slice(0, 2));
    expect(firstAlone).toEqual(expect.arrayContaining([...first]));
    expect(secondAlone).toEqual(expect.arrayContaining([...second]));
    expect([...firstAlone, ...secondAlone].sort()).toEqual([...addresses].sort());
  });

  test('is held by the node that is named for it, whoever lives', () => {
    const named = announcements.map((each) => ({ ...each, holder: '192.0.2.2' }));
    expect(held(named, { own: '192.0.2.1', alive: new Set() })).toEqual([]);
    expect(held(named, { own: '192.0.2.2', alive: new Set(NODES) })).toHaveLength(addresses.length);
  });

  test('is held by nobody where no node may', () => {
    expect(held([{ address: '198.51.100.1', nodes: [] }], { own: '192.0.2.1', alive: new Set() })).toEqual([]);
  });
});

describe('a question for neighbours', () => {
  const at = { interface: 'eth1', subnet: '203.0.113.0/24' };

  test('is asked under an address that is held there', () => {
    const places = [
      { address: '203.0.113.7', at },
      { address: '203.0.113.8', at },
      { address: '2001:db8::7', at: { interface: 'eth1', subnet: '2001:db8::/64' } },
    ];
    const rules = askersTable(places)
      .split('\n')
      .filter((line) => line.startsWith('oifname'));
    expect(rules).toEqual([
      'oifname "eth1" arp operation request arp saddr ip != 203.0.113.0/24 arp daddr ip 203.0.113.0/24 arp saddr ip set 203.0.113.7',
    ]);
  });

  test('is left alone on the underlay', () => {
    expect(askersTable([{ address: '192.0.2.200' }])).toBe('');
  });
});

describe('the neighbourhood is told', () => {
  test('of an IPv4 address by a gratuitous ARP request', () => {
    expect(announcementFrame('192.0.2.200', '02:00:00:00:00:01').toString('hex')).toBe(
      'ffffffffffff02000000000108060001080006040001020000000001c00002c8000000000000c00002c8',
    );
  });

  test('of an IPv6 address by an unsolicited advertisement', () => {
    const frame = announcementFrame('2001:db8::c8', '02:00:00:00:00:01').toString('hex');
    expect(frame.slice(0, 28)).toBe('33330000000102000000000186dd');
    // One's complement sum over pseudo header and message is all ones.
    const words = `${frame.slice(44, 108)}000000200000003a${frame.slice(108)}`.match(/.{4}/g) ?? [];
    const sum = words.reduce((total, word) => total + Number.parseInt(word, 16), 0);
    expect((sum & 0xffff) + (sum >>> 16)).toBe(0xffff);
  });
});

describe('heartbeats', () => {
  const log = createLogger('test', 'silent');
  const DEPS = { onLook: () => undefined, onHear: () => undefined, log };
  const open: Heartbeat[] = [];
  const start = (own: string, peers: readonly string[]): Heartbeat => {
    const heartbeat = createHeartbeat({ own, port: 29_093 }, DEPS);
    heartbeat.watch(peers);
    open.push(heartbeat);
    return heartbeat;
  };
  afterEach(() => open.splice(0).forEach(({ close }) => close()));

  test('a node that falls silent is dead, and nobody is judged at once', async () => {
    const mine = start('127.0.0.11', ['127.0.0.12', '127.0.0.13']);
    const other = createHeartbeat({ own: '127.0.0.12', port: 29_093 }, DEPS);
    other.watch(['127.0.0.11']);
    expect(mine.alive()).toBeUndefined();
    await until(() => mine.alive()?.size === 1);
    expect(mine.alive()).toEqual(new Set(['127.0.0.12']));
    expect(mine.silence('127.0.0.12')).toBeLessThan(mine.presence('127.0.0.12'));
    expect(mine.presence('127.0.0.13')).toBeLessThan(mine.silence('127.0.0.13'));
    other.close();
    // A judge that was held up itself waits longer.
    await until(() => mine.alive()?.size === 0);
  });

  test('a node that is given another address is heard of at that one', async () => {
    const mine = start('127.0.0.11', ['127.0.0.12', '127.0.0.13']);
    const peers = [{ name: 'mine', address: '127.0.0.11' }];
    const announcer = createAnnouncer({
      run: runHere,
      device: 'lo',
      port: 29_093,
      log: DEPS.log,
      onDead: () => undefined,
      onUnwell: () => undefined,
    });
    for (const address of ['127.0.0.12', '127.0.0.13']) {
      announcer.set({ address, peers, announcements: [] });
      await until(() => mine.alive()?.has(address) === true);
    }
    await until(() => mine.alive()?.has('127.0.0.12') === false);
    await announcer.close();
  });

  test('a node whose program is restarted lives as long as its kernel answers', async () => {
    const mine = start('127.0.0.11', ['127.0.0.12', '127.0.0.13']);
    const [restarted, killed] = ['127.0.0.12', '127.0.0.13'].map((own) => {
      const heartbeat = createHeartbeat({ own, port: 29_093 }, DEPS);
      heartbeat.watch(['127.0.0.11']);
      return heartbeat;
    });
    await until(() => mine.alive()?.size === 2);
    await restarted?.leave();
    restarted?.close();
    killed?.close();
    await until(() => mine.alive()?.size === 1);
    await sleep(1500);
    expect(mine.alive()).toEqual(new Set(['127.0.0.12']));
    expect(mine.dead()).toEqual(['127.0.0.13']);
    // Nothing new is given to it.
    expect(mine.presence('127.0.0.12')).toBe(0);
    start('127.0.0.12', ['127.0.0.11']);
    await until(() => mine.presence('127.0.0.12') > 0);
  });

  test('who is no node is not heard', async () => {
    const mine = start('127.0.0.11', ['127.0.0.12']);
    start('127.0.0.13', ['127.0.0.11']);
    await sleep(1500);
    expect(mine.alive()).toEqual(new Set());
  });
});

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries += 1) {
    if (tries > 200) throw new Error('it never came about');
    await sleep(50);
  }
}
