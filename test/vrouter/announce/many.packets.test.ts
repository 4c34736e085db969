/** A node that takes many addresses of the outside's at once, as when another one has died: all are answered for, and all are told of. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../../kubernetes/eventually.ts';
import { createNeighbours, type Neighbours } from '../../../vrouter/announce/neighbours.ts';
import { createLab, inNamespace, type Lab } from '../lab/nodes.ts';

jest.setTimeout(60_000);

const [NODE, OUTSIDE] = ['192.0.2.1', '192.0.2.9'] as const;
const WORLD = { nodes: { n1: NODE }, networks: { 'ip-fabric': { id: 1 } } } as const;
/** More than are told of by one program. */
const ADDRESSES = Array.from({ length: 1100 }, (_, index) => {
  const [high, low] = [Math.floor(index / 250), (index % 250) + 1];
  return index % 2 === 0 ? `198.18.${high}.${low}` : `2001:db8:${high + 1}::${low.toString(16)}`;
});

let lab: Lab;
let neighbours: Neighbours;

beforeAll(async () => {
  lab = await createLab('vy', WORLD.nodes);
  await lab.addOutside('out', OUTSIDE);
  await lab.apply(WORLD);
  neighbours = createNeighbours(inNamespace(`${lab.prefix}-n1`), { address: NODE, device: 'ocvx0' });
});
afterAll(async () => lab.down());

const held = async (): Promise<readonly string[]> => {
  const { stdout } = await lab.sh('n1', 'ip neigh show proxy');
  return [...stdout.matchAll(/^\S+/gm)].map(([address]) => address).sort();
};

/** The addresses that the machine outside is told of while something is done. */
async function toldWhile(action: () => Promise<void>): Promise<readonly string[]> {
  const file = join(tmpdir(), `${lab.prefix}-told`);
  const tcpdump = lab.background('out', `tcpdump -nnl -i eth0 'arp or (icmp6 and ip6[40] == 136)' > ${file} 2>&1`);
  const read = (): string => readFileSync(file, 'utf8');
  try {
    await eventually(() => existsSync(file) && read().includes('listening on'));
    await action();
    const told = (): readonly string[] =>
      [...read().matchAll(/who-has (\S+) |tgt is ([0-9a-f:]+)/g)].map(([, old, fresh]) => old ?? fresh ?? '');
    await eventually(() => new Set(told()).size >= ADDRESSES.length);
    return [...new Set(told())].sort();
  } finally {
    tcpdump.kill();
    rmSync(file);
  }
}

test('each is answered for, and the neighbourhood hears of each; then of none', async () => {
  const told = await toldWhile(async () => neighbours.hold(ADDRESSES.map((address) => ({ address }))));
  expect(told).toEqual([...ADDRESSES].sort());
  expect(await held()).toEqual([...ADDRESSES].sort());
  await neighbours.hold([]);
  expect(await held()).toEqual([]);
});

test('what the kernel refuses is told, and is no other’s trouble', async () => {
  const [first = '', second = ''] = ADDRESSES;
  await expect(neighbours.hold([{ address: first, at: { interface: 'eth9' } }, { address: second }])).rejects.toThrow(
    'eth9',
  );
  expect(await held()).toEqual([second]);
  await neighbours.hold([]);
});
