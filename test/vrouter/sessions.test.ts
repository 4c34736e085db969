/** The programs that stay open, in a network namespace: transactions, failures line by line, devices made anew. */
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { addEntries } from '../../vrouter/apply/ip.ts';
import { output, runHere } from '../../vrouter/apply/run.ts';
import type { Sessions } from '../../vrouter/apply/sessions.ts';
import { inNamespace, sessionsIn } from './lab/nodes.ts';

// Real programs, on a machine that may be busy.
jest.setTimeout(60_000);

const NAMESPACE = 'vt-sessions';
const run = inNamespace(NAMESPACE);
let sessions: Sessions;

beforeEach(async () => {
  await runHere(['ip', 'netns', 'del', NAMESPACE]);
  await output(runHere, ['ip', 'netns', 'add', NAMESPACE]);
  sessions = sessionsIn(NAMESPACE);
});
afterEach(async () => {
  sessions.close();
  await output(runHere, ['ip', 'netns', 'del', NAMESPACE]);
});

const addDevice = async (): Promise<string> =>
  await output(run, ['sh', '-ec', 'ip link add tap-x type veth peer name peer; ip link set tap-x up']);

test('a transaction is whole or nothing, and a refused one spoils no other', async () => {
  await sessions.nft(['add table inet t', 'add set inet t s { type mark; }', 'add element inet t s { 1 }']);
  const half = sessions.nft(['add element inet t s { 2 }', 'delete element inet t s { 9 }']);
  await expect(half).rejects.toThrow('No such file or directory');
  await sessions.nft(['add element inet t s { 3 }']);
  expect(await output(run, ['nft', 'list', 'set', 'inet', 't', 's'])).toContain('{ 0x00000001, 0x00000003 }');
});

test('each line of a batch fails for itself, by its number', async () => {
  await addDevice();
  const lines = ['10.0.0.1 dev tap-x', '10.0.0.2 dev tap-y', '10.0.0.3 dev tap-x', '10.0.0.4 dev tap-z'].map(
    (route, index) => [`key ${index}`, `route replace ${route} table 77`] as const,
  );
  for (let round = 0; round < 2; round += 1) {
    const failures = await addEntries(sessions, '-4', lines);
    expect([...failures.keys()]).toEqual(['key 1', 'key 3']);
  }
  expect(await output(run, ['ip', 'route', 'show', 'table', '77'])).toMatch(/^10.0.0.1.*\n10.0.0.3.*\n$/);
});

test('a device made anew under its name is found by its new number', async () => {
  await addDevice();
  const neighbour = [['key', 'neigh replace 10.0.0.1 lladdr 02:00:00:00:00:01 dev tap-x nud permanent']] as const;
  await addEntries(sessions, '-4', neighbour);
  await output(run, ['ip', 'link', 'del', 'tap-x']);
  await addDevice();
  // The program still knows the number of the one before, and ends; others are told what it was told, line by line.
  const among = [
    ['route', 'route replace 10.0.0.2 dev tap-x table 77'],
    ...neighbour,
    ['gone', 'neigh replace 10.0.0.3 lladdr 02:00:00:00:00:03 dev tap-y nud permanent'],
    ['last', 'route replace 10.0.0.4 dev tap-x table 77'],
  ] as const;
  expect([...(await addEntries(sessions, '-4', among)).keys()]).toEqual(['gone']);
  expect(await output(run, ['ip', 'neigh', 'show', 'nud', 'permanent'])).toContain('10.0.0.1');
  expect(await output(run, ['ip', 'route', 'show', 'table', '77'])).toMatch(/^10.0.0.2.*\n10.0.0.4.*\n$/);
  await output(run, ['ip', 'link', 'del', 'tap-x']);
  await addDevice();
  sessions.forgetDevice('tap-x');
  await expect(addEntries(sessions, '-4', neighbour)).resolves.toEqual(new Map());
});

test('lines of shell fail for themselves', async () => {
  await sessions.sh(['echo 1 > /proc/sys/net/nothing', 'echo 1 > /proc/sys/net/ipv4/ip_forward']);
  expect(await output(run, ['cat', '/proc/sys/net/ipv4/ip_forward'])).toBe('1\n');
});
