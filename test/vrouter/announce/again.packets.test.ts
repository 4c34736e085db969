/** A node that takes an address tells the neighbourhood twice, since who had it before may have told of it after the first time. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { createLogger } from '../../../runtime/log.ts';
import { type Announcer, createAnnouncer } from '../../../vrouter/announce/announcer.ts';
import { eventually } from '../../kubernetes/eventually.ts';
import { createLab, inNamespace, type Lab } from '../lab/nodes.ts';

jest.setTimeout(60_000);

const [NODE, OUTSIDE, ADDRESS] = ['192.0.2.1', '192.0.2.9', '192.0.2.200'] as const;
/** The node's address here as well, where its heartbeats are. */
const OWN = '127.0.0.21';
const WORLD = { nodes: { n1: NODE }, networks: { 'ip-fabric': { id: 1 } } } as const;

let lab: Lab;
let announcer: Announcer;

beforeAll(async () => {
  lab = await createLab('vya', WORLD.nodes);
  await lab.addOutside('out', OUTSIDE);
  await lab.apply(WORLD);
  await lab.sh('n1', `ip addr add ${OWN}/32 dev eth0`);
  announcer = createAnnouncer({
    run: inNamespace(`${lab.prefix}-n1`),
    device: 'ocvx0',
    port: 29_094,
    log: createLogger('test', 'silent'),
    onDead: () => undefined,
    onUnwell: () => undefined,
  });
});
afterAll(async () => {
  await announcer.close();
  await lab.down();
});

test('a neighbour that was told of another holder meanwhile finds it', async () => {
  const macOf = async (name: string, device: string) =>
    / ([0-9a-f:]{17}) /.exec((await lab.sh(name, `ip -br link show dev ${device}`)).stdout)?.[1] ?? '';
  const neighbour = async () => (await lab.sh('out', `ip neigh show ${ADDRESS}`)).stdout;
  const [mac, other] = [await macOf('n1', 'eth0'), '02:00:00:00:99:99'];
  await lab.sh('out', `ip neigh replace ${ADDRESS} lladdr ${other} dev eth0 nud reachable`);
  announcer.set({ address: OWN, peers: [], announcements: [{ address: ADDRESS, nodes: [OWN] }] });
  await eventually(async () => (await lab.sh('n1', 'ip neigh show proxy')).stdout.includes(ADDRESS));
  await lab.sh('out', `ip neigh replace ${ADDRESS} lladdr ${other} dev eth0 nud reachable`);
  expect(await neighbour()).toContain(other);
  await eventually(async () => (await neighbour()).includes(mac));
});
