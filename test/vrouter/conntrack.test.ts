/** Forgetting connections, in the kernel's own table, of which each network namespace has one. */
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { forgetFlows } from '../../vrouter/apply/conntrack.ts';
import { type Run, runHere } from '../../vrouter/apply/run.ts';
import { labId } from '../lab/names.ts';

// The machine may be busy.
jest.setTimeout(60_000);

const name = `vfl-${labId}`;
const within: Run = async (command, input) => runHere(['ip', 'netns', 'exec', name, ...command], input);

beforeEach(async () => {
  await runHere(['sh', '-ec', `ip netns del ${name} 2>/dev/null || :; ip netns add ${name}`]);
});
afterEach(async () => void (await runHere(['ip', 'netns', 'del', name])));

/** The flows of a network in a zone, one to each of its servers. */
async function begin(zone: number, servers: readonly number[], options = ''): Promise<void> {
  const lines = servers.flatMap((server) => [
    `-I -s 10.9.1.1 -d 10.9.2.${server} -p udp --sport 7 --dport 53 --timeout 600 -w ${zone} ${options}`,
    `-I -s fd09:1::1 -d fd09:2::${server} -p udp --sport 7 --dport 53 --timeout 600 -w ${zone} ${options}`,
  ]);
  const { code, stderr } = await within(['sh', '-c', 'cat | conntrack -R -'], `${lines.join('\n')}\n`);
  if (code !== 0) throw new Error(stderr);
}

/** What is left, as `<zone> <server>`. */
async function left(): Promise<readonly string[]> {
  const { stdout } = await within(['conntrack', '-L', '-o', 'extended']);
  const flows = stdout.split('\n').filter((line) => line !== '');
  return flows.map((line) => `${/zone=(\d+)/.exec(line)?.[1]} ${/dst=(\S+)/.exec(line)?.[1]}`).toSorted();
}

test('forgets what lines mean and nothing else, however many lines there are', async () => {
  await begin(7, [1, 2, 3]);
  await begin(8, [1], '-m 0x80320065');
  const lines = [
    '-D -d 10.9.2.1 -w 7',
    '-D -f ipv6 -s fd09:1::1 -d fd09:2::2',
    '-D -f ipv6 -m 0x80320065',
    '-D -p tcp -d 10.9.2.3',
  ];
  const others = Array.from({ length: 300 }, (_, index) => `-D -r 10.9.3.${index} -w 7`);
  const told: string[] = [];
  const counting: Run = async (command, input) => {
    if (typeof input === 'string') told.push(...input.trim().split('\n'));
    return await within(command, input);
  };
  await forgetFlows(counting, [...others, ...lines]);
  expect(await left()).toEqual(['7 10.9.2.2', '7 10.9.2.3', '7 fd09:2::1', '7 fd09:2::3', '8 10.9.2.1']);
  expect(told).toEqual(lines.slice(0, 3));
  await forgetFlows(within, ['-D -d 10.9.2.2', '-D -d 10.9.2.9']);
  expect(await left()).toEqual(['7 10.9.2.3', '7 fd09:2::1', '7 fd09:2::3', '8 10.9.2.1']);
});

test('one line forgets a zone', async () => {
  for (const zone of [7, 8]) await begin(zone, [1, 2, 3]);
  const ofAddresses = Array.from({ length: 5 }, (_, index) => `-D -d 10.9.2.${index} -w 7`);
  const told: string[] = [];
  await forgetFlows(
    async (command, input) => {
      if (typeof input === 'string') told.push(input);
      return await within(command, input);
    },
    ['-D -f ipv4 -w 7', ...ofAddresses],
  );
  expect(told).toEqual(['-D -f ipv4 -w 7\n']);
  expect((await left()).filter((flow) => flow.startsWith('7'))).toEqual(['7 fd09:2::1', '7 fd09:2::2', '7 fd09:2::3']);
});
