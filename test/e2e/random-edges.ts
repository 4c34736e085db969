/**
 * Pools, floating addresses, routers, connections, chains, Services, policies and pods that are made, changed and deleted at random;
 * replayable by its seed. `RANDOM_MINUTES=10 RANDOM_SEED=7 npm run e2e -- random-edges`; a minute by default.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cluster, openCluster } from '../../cli/reach/cluster.ts';
import { openInstallation } from '../../cli/reach/config-api.ts';
import type { LabHandle } from '../lab/handle.ts';
import { contrailCommand } from './command-line.ts';
import { type DatabaseText, databaseOf, differences } from './random/database.ts';
import { type Dice, diceFrom } from './random/dice.ts';
import { NAMESPACES, pathOf, type Slot, slots } from './random/edges-world.ts';
import { judgeKernels } from './random/judge.ts';
import { emptyRedis } from './redis.ts';
import type { Reporter } from './reporter.ts';

const MINUTES = Number(process.env['RANDOM_MINUTES'] ?? 1);
const SEED = Number(process.env['RANDOM_SEED'] ?? Date.now() % 100_000);

/** Run by `npm run e2e -- random-edges`. */
export async function suite(lab: LabHandle, report: Reporter): Promise<void> {
  report.note(`RANDOM_SEED=${SEED} RANDOM_MINUTES=${MINUTES}`);
  const cluster = await openCluster({ kubeconfig: lab.kubeconfig, context: '', productNamespace: 'opencontrail' });
  const installation = await openInstallation(cluster);
  const { contrail } = installation;
  const judge = async (): Promise<void> => await judgeKernels(lab, report, { cluster, installation });
  try {
    const empty = await databaseOf(contrail);
    for (const [name, annotations] of Object.entries(NAMESPACES)) await lab.createNamespace(name, { annotations });
    report.note(await runSteps(lab, cluster));
    await settle(lab, report);
    await judge();
    const before = await databaseOf(contrail);
    report.equal('Redis is emptied', await emptyRedis(lab), 1);
    // Workers look at the database's epoch every second.
    await sleep(5_000);
    await settle(lab, report);
    report.equal('a database that is rebuilt is the same', differences(before, await databaseOf(contrail)), []);
    await judge();
    for (const slot of slots(lab.nodes).toReversed()) if (slot.kind !== 'Namespace') await goes(slot, cluster);
    await lab.cleanup();
    await report.check('nothing is left when all is deleted', () => becomes(empty, { lab, contrail }));
    await settle(lab, report);
    await judge();
  } finally {
    contrail.close();
    cluster.close();
  }
}

/** Answers how many steps were taken, and refused. */
async function runSteps(lab: LabHandle, cluster: Cluster): Promise<string> {
  const dice = diceFrom(SEED);
  const all = slots(lab.nodes);
  const [end, counts] = [Date.now() + MINUTES * 60_000, { steps: 0, refused: 0 }];
  while (Date.now() < end) {
    counts.steps += 1;
    await step(dice.pick(all), dice, cluster).catch(() => {
      counts.refused += 1;
    });
    await sleep(dice.upTo(200));
  }
  // What a pool gave before it went is kept while others hold it, and is not what a rebuild would make.
  for (const slot of all.filter(({ kind }) => kind === 'FloatingIPPool')) await comes(slot, slot.body(dice), cluster);
  return `${counts.steps} steps, ${counts.refused} of them refused`;
}

async function step(slot: Slot, { chance, ...dice }: Dice, cluster: Cluster): Promise<void> {
  const isKept = slot.kind === 'Namespace' || chance(0.7);
  // Of a pod nearly nothing but its labels may change.
  const isRelabelled = slot.kind === 'Pod' && chance(0.3);
  const body = slot.body({ chance, ...dice });
  if (isRelabelled) return await isLabelled(slot, body, cluster);
  if (!isKept || slot.kind === 'Pod') await goes(slot, cluster);
  if (isKept) await comes(slot, body, cluster);
}

/** Made, or what it says replaced as a whole. */
async function comes({ apiVersion, kind, ...slot }: Slot, body: object, { kube }: Cluster): Promise<void> {
  const { metadata = {}, ...rest } = body as { readonly metadata?: object };
  const { name, namespace } = slot;
  const named = { name, ...(namespace === undefined ? {} : { namespace }), ...metadata };
  const query = { fieldManager: 'random', force: 'true' };
  const path = pathOf({ apiVersion, kind, ...slot });
  await kube.patch(path, { apiVersion, kind, metadata: named, ...rest }, 'application/apply-patch+yaml', { query });
}

async function isLabelled(slot: Slot, body: object, { kube }: Cluster): Promise<void> {
  const { labels } = (body as { readonly metadata: { readonly labels: object } }).metadata;
  await kube.patch(pathOf(slot), { metadata: { labels } }, 'application/merge-patch+json');
}

async function goes(slot: Slot, { kube }: Cluster): Promise<void> {
  await kube.delete(pathOf(slot));
}

const CALM = 8;

interface Told {
  readonly queues: Readonly<Record<'live' | 'resync', { readonly waiting: number; readonly active: number }>>;
  readonly letters: readonly { readonly key: string; readonly reason: string }[];
}

/** Waits until no key has waited or run for some seconds; says which do not get on, as those that ask for what is not there. */
async function settle(lab: LabHandle, report: Reporter): Promise<void> {
  let calm = 0;
  const told = await lab.waitFor(
    'the queue to be empty',
    async () => {
      const flags = ['--age', '0', '--json', '--kubeconfig', lab.kubeconfig];
      const { queues, letters } = JSON.parse((await contrailCommand(['queue', 'list', ...flags])).stdout) as Told;
      calm = queues.live.waiting + queues.live.active > 0 ? 0 : calm + 1;
      return calm === CALM && letters;
    },
    { timeoutMs: 300_000, everyMs: 1_000 },
  );
  for (const { key, reason } of told) report.note(`${key}: ${reason}`.slice(0, 200));
}

async function becomes(
  wanted: DatabaseText,
  { lab, contrail }: { readonly lab: LabHandle; readonly contrail: Parameters<typeof databaseOf>[0] },
): Promise<void> {
  await lab.waitFor(
    'the database to be as before',
    async () => {
      const found = differences(wanted, await databaseOf(contrail));
      if (found.length > 0) throw new Error(found.join('; '));
      return true;
    },
    { timeoutMs: 300_000, everyMs: 5_000 },
  );
}
