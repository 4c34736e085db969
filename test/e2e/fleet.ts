/**
 * The fleet of workers as real processes, between a real API server, a real config API and real groups of Redis servers: a worker
 * is killed in the middle of its keys, one namespace floods the queue, Redis is emptied, fails over, or moves its keys.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Told } from '../../cli/queue/letters.ts';
import type { ContrailClient } from '../../contrail/client.ts';
import { binariesDir } from '../lab/paths.ts';
import type { LabHandle } from '../lab/handle.ts';
import { startRedis } from '../redis.ts';
import { startRedisCluster, startSentinelGroup } from '../redis-group.ts';
import { createNode, firstPort } from '../workers/bed.ts';
import { addressesIn, createBoundPod, createBoundPods, portsOfPods } from '../workers/bound-pods.ts';
import { type Fleet, type FleetWorker, startFleet, untilReady } from '../workers/fleet.ts';
import { loseRedis } from '../workers/loss.ts';
import { eventually } from '../workers/programs.ts';
import { startSlowRelay } from '../workers/slow-relay.ts';
import { duplicates } from './pods.ts';
import type { Reporter } from './reporter.ts';

/** No kubelet takes part: pods are bound by the suite, and no packet of theirs is sent. */
export const needsLab = false;

/** Generous where nothing is measured: the machine has much else to do. */
const PATIENCE_MS = 180_000;
const NAMESPACE = 'shop';

/** Run by `npm run e2e -- fleet`. */
export async function suite(_lab: LabHandle, report: Reporter): Promise<void> {
  const redis = await startRedis();
  await withFleet(redis.url, (fleet) => killedInTheMiddle(fleet, report));
  await redis.restart();
  await withFleet(redis.url, (fleet) => flooded(fleet, report));
  await redis.restart();
  await withFleet(redis.url, (fleet) => emptied(fleet, redis.url, report));
  await redis.stop();
  const group = await startSentinelGroup();
  await withFleet(group.url, (fleet) =>
    while60PodsAreMade(fleet, report, {
      name: 'Sentinel: the master is killed',
      disturb: async () => {
        await group.servers[0]?.kill();
        await group.failedOver();
      },
    }),
  );
  await group.stop();
  const cluster = await startRedisCluster();
  await withFleet(cluster.url, async (fleet) => {
    const [name, disturb] = ['Cluster: the slot moves', () => cluster.moveSlot('{opencontrail}', 20)];
    await while60PodsAreMade(fleet, report, { name, disturb });
  });
  await cluster.stop();
}

async function withFleet(redisUrl: string, body: (fleet: Fleet) => Promise<void>): Promise<void> {
  const fleet = await startFleet({ bin: `${binariesDir()}/bin`, redisUrl, token: 'secret' });
  try {
    await createNode(fleet.kube, 'n1', '192.0.2.1');
    await fleet.kube.post('/api/v1/namespaces', { metadata: { name: NAMESPACE } });
    await body(fleet);
  } finally {
    await fleet.stop();
  }
}

/** Starts workers, and waits until each takes keys and everything is there that the namespace's pods stand on. */
async function startReady(fleet: Fleet, flags: readonly Readonly<Record<string, string>>[]): Promise<FleetWorker[]> {
  const workers = await Promise.all(flags.map((each) => fleet.startWorker(each)));
  await Promise.all(workers.map(untilReady));
  const { metadata } = await createBoundPod(fleet.kube, NAMESPACE, `first-of-${workers[0]?.process.pid}`);
  await firstPort(fleet.kube, NAMESPACE, metadata.name);
  return workers;
}

async function killedInTheMiddle(fleet: Fleet, report: Reporter): Promise<void> {
  const keys = 8;
  const relay = await startSlowRelay(fleet.configUrl, 0);
  const [first] = await startReady(fleet, [{ 'contrail-api': relay.url }]);
  if (first === undefined) return;
  // From here on its calls do not arrive: it is in the middle of every key that it has taken.
  relay.delay(PATIENCE_MS);
  await createBoundPods(fleet.kube, NAMESPACE, keys);
  await eventually(async () => (await liveQueue(first)).active >= keys, PATIENCE_MS);
  await untilReady(await fleet.startWorker());
  await sleep(6_000);
  report.equal('a slow worker keeps its keys while it lives', await given(fleet), 1);
  await first.kill('SIGKILL');
  const killed = performance.now();
  await eventually(async () => (await given(fleet)) === keys + 1, PATIENCE_MS);
  const seconds = (performance.now() - killed) / 1000;
  report.note(`another worker had finished the ${keys} keys of a killed one after ${seconds.toFixed(1)} s`);
  report.equal('a killed worker’s keys are taken over within ten seconds', seconds < 10, true);
  await relay.close();
}

/** How many pods of the namespace have their ports. */
async function given({ kube }: Fleet): Promise<number> {
  return (await portsOfPods(kube, NAMESPACE)).size;
}

async function liveQueue({ url }: FleetWorker): Promise<Told['queues'][string]> {
  const { queues } = Told.parse(await (await fetch(`${url}/queue`)).json());
  if (queues['live'] === undefined) throw new Error('the worker tells of no live queue');
  return queues['live'];
}

const FLOOD = 5_000;

/** The same pods without the flood and with it, in one run: what they wait for others is the difference. */
async function flooded(fleet: Fleet, report: Reporter): Promise<void> {
  const { kube } = fleet;
  for (const name of ['flood', 'single']) await kube.post('/api/v1/namespaces', { metadata: { name } });
  const relay = await startSlowRelay(fleet.configUrl, 5);
  const startTwo = () => startReady(fleet, [{ 'contrail-api': relay.url }, { 'contrail-api': relay.url }]);
  const [first, second] = await startTwo();
  const alone = await msToPorts(fleet, 0);
  await Promise.all([first?.kill(), second?.kill()]);
  // All are there before the next worker is, so all wait at once.
  await createBoundPods(kube, 'flood', FLOOD);
  const [third] = await startTwo();
  const beside = await msToPorts(fleet, PODS);
  const waiting = third === undefined ? 0 : (await liveQueue(third)).waiting;
  report.equal('the flood still waits', waiting > FLOOD / 5, true);
  report.note(
    `pods’ ports in ${list(beside)} ms beside ${waiting} waiting keys of another namespace, ${list(alone)} ms alone`,
  );
  // The quickest of each: whatever else the machine does falls on single pods.
  const isFair = Math.min(...beside) - Math.min(...alone) < 1_000;
  report.equal(`${FLOOD} pods of another namespace do not delay a pod by a second`, isFair, true);
  await relay.close();
}

const PODS = 5;

/** One pod after the other: how long each waits for its port. */
async function msToPorts({ kube }: Fleet, first: number): Promise<readonly number[]> {
  const waits: number[] = [];
  for (let index = first; index < first + PODS; index += 1) {
    const started = performance.now();
    await createBoundPod(kube, 'single', `pod-${index}`);
    await firstPort(kube, 'single', `pod-${index}`);
    waits.push(performance.now() - started);
  }
  return waits;
}

function list(milliseconds: readonly number[]): string {
  return milliseconds.map((each) => each.toFixed(0)).join(', ');
}

async function emptied(fleet: Fleet, redisUrl: string, report: Reporter): Promise<void> {
  const isolated = { name: 'alone', annotations: { 'opencontrail.org/isolation': 'true' } };
  await fleet.kube.post('/api/v1/namespaces', { metadata: isolated });
  await startReady(fleet, [{}, {}]);
  await createBoundPods(fleet.kube, 'alone', 20);
  await eventually(async () => (await portsOfPods(fleet.kube, 'alone')).size === 20, PATIENCE_MS);
  await while60PodsAreMade(fleet, report, {
    name: 'Redis is emptied',
    disturb: async () => await loseRedis(redisUrl, fleet.contrail),
    isStarted: true,
  });
  const before = await everything(fleet.contrail);
  await loseRedis(redisUrl, fleet.contrail);
  await eventually(async () => (await everything(fleet.contrail)).size >= before.size, PATIENCE_MS);
  const after = await everything(fleet.contrail);
  const differing = [...before]
    .filter(([identity, text]) => after.get(identity) !== text)
    .map(([identity]) => identity);
  report.equal(`Redis is emptied: all ${before.size} objects are as they were`, differing, []);
  report.equal(
    'Redis is emptied: and there is none besides',
    [...after.keys()].filter((each) => !before.has(each)),
    [],
  );
}

interface Disturbance {
  readonly name: string;
  /** Resolves when Redis serves again. */
  readonly disturb: () => Promise<void>;
  readonly isStarted?: boolean;
}

/** All pods must have a port in the end, each its own address, and those that had one before the very same. */
async function while60PodsAreMade(fleet: Fleet, report: Reporter, what: Disturbance): Promise<void> {
  const { kube } = fleet;
  if (what.isStarted !== true) await startReady(fleet, [{}, {}]);
  await createBoundPods(kube, NAMESPACE, 30);
  await eventually(async () => (await given(fleet)) === 31, PATIENCE_MS);
  const before = await portsOfPods(kube, NAMESPACE);
  const making = createBoundPods(kube, NAMESPACE, 60, 30);
  await eventually(async () => (await given(fleet)) > 35, PATIENCE_MS);
  const started = performance.now();
  await Promise.all([what.disturb(), making]);
  report.note(`${what.name}: Redis served again after ${seconds(started)} s`);
  await report.check(`${what.name}: all pods get their ports`, () =>
    eventually(async () => (await given(fleet)) === 91, PATIENCE_MS),
  );
  report.note(`${what.name}: all had theirs after ${seconds(started)} s`);
  const after = await portsOfPods(kube, NAMESPACE);
  const changed = [...before.keys()].filter((name) => after.get(name) !== before.get(name));
  report.equal(`${what.name}: no pod that had its ports gets others`, changed, []);
  report.equal(`${what.name}: no address is given twice`, duplicates(addressesIn(after.values())), []);
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}

/** The types that the workers write. */
const TYPES =
  'project network-ipam virtual-network network-policy security-group tag virtual-router virtual-machine virtual-machine-interface instance-ip';

/** What a server draws for itself, and neither vRouters nor anything in Kubernetes goes by. */
const DRAWN = ['rule_uuid', 'security_group_id'];

/** Every object of these types as text, by type, name and UUID; without times. */
async function everything(contrail: ContrailClient): Promise<ReadonlyMap<string, string>> {
  const objects = new Map<string, string>();
  for (const type of TYPES.split(' ')) {
    for (const { id_perms: _, ...object } of await contrail.list(type, { detail: true })) {
      objects.set(`${type} ${object.fq_name.join(':')} ${object.uuid}`, sorted(object));
    }
  }
  return objects;
}

/** JSON in which the order of keys, and of references, says nothing. */
function sorted(value: unknown): string {
  return JSON.stringify(value, (key, part: unknown) => {
    if (DRAWN.includes(key)) return undefined;
    if (Array.isArray(part)) return part.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
    if (typeof part !== 'object' || part === null) return part;
    return Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}
