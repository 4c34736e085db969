/**
 * Pods of all modes, with static addresses and further interfaces, that are created, moved and deleted at random; replayable
 * by its seed. `RANDOM_MINUTES=10 RANDOM_PODS=500 RANDOM_SEED=7 npm run e2e -- random`; a minute and 40 pods by default.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cluster, openCluster } from '../../cli/reach/cluster.ts';
import { type Installation, openInstallation } from '../../cli/reach/config-api.ts';
import type { LabHandle } from '../lab/handle.ts';
import { contrailCommand } from './command-line.ts';
import { podsOf, portsOf } from './pods.ts';
import { followHolders } from './random/holders.ts';
import { judgeKernels } from './random/judge.ts';
import { manifestOf, NAMESPACES, networkManifests, type Step, steps } from './random/world.ts';
import type { Reporter } from './reporter.ts';

const MINUTES = Number(process.env['RANDOM_MINUTES'] ?? 1);
const PODS = Number(process.env['RANDOM_PODS'] ?? 40);
const SEED = Number(process.env['RANDOM_SEED'] ?? Date.now() % 100_000);
/** So many at a time, since a kubectl for each would be slower than the cluster. */
const BATCH = 20;

/** Run by `npm run e2e -- random`. */
export async function suite(lab: LabHandle, report: Reporter): Promise<void> {
  report.note(`RANDOM_SEED=${SEED} RANDOM_PODS=${PODS} RANDOM_MINUTES=${MINUTES}`);
  const cluster = await openCluster({ kubeconfig: lab.kubeconfig, context: '', productNamespace: 'opencontrail' });
  const installation = await openInstallation(cluster);
  const stop = new AbortController();
  try {
    for (const { name, annotations } of NAMESPACES) await lab.createNamespace(name, { annotations });
    await lab.apply(networkManifests());
    const holders = await followHolders(cluster.kube, stop.signal);
    const count = await runSteps(lab);
    await settle(lab);
    report.equal('no address was held twice at any time', holders.twice, []);
    const { most, given } = holders.figures();
    report.note(`${count} steps; ${given} addresses given, ${most} held at one time at most`);
    await judge(lab, report, { cluster, installation });
  } finally {
    stop.abort();
    installation.contrail.close();
    cluster.close();
  }
}

/** Answers how many steps were taken. */
async function runSteps(lab: LabHandle): Promise<number> {
  const end = Date.now() + MINUTES * 60_000;
  const source = steps(SEED, { population: PODS, nodes: lab.nodes });
  let count = 0;
  while (Date.now() < end) {
    const batch = Array.from({ length: BATCH }, () => source.next().value);
    count += batch.length;
    await take(batch, lab);
    await sleep(500);
  }
  return count;
}

/** Deletions first: a pod that moves is made again under its name. What is refused (an address is taken) stays away. */
async function take(batch: readonly Step[], lab: LabHandle): Promise<void> {
  const gone = batch.flatMap((step) => (step.kind === 'create' ? [] : [step.pod]));
  const come = batch.flatMap((step) => (step.kind === 'create' ? [step.pod] : step.kind === 'move' ? [step.to] : []));
  for (const { name: namespace } of NAMESPACES) {
    const names = [...new Set(gone.filter((pod) => pod.namespace === namespace).map(({ name }) => name))];
    if (names.length > 0)
      await lab.tryKubectl(['delete', 'pod', '-n', namespace, ...names, '--ignore-not-found', '--now']);
  }
  // A pod made and deleted in one batch is made after all: the next deletion of its name is no error.
  const items = come.map(manifestOf);
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  if (items.length > 0) await lab.tryKubectl(['apply', '-f', '-'], { input });
}

/** Waits until every pod runs; one that waits for an address of another's is taken away, as its user would do. */
async function settle(lab: LabHandle): Promise<void> {
  await lab.waitFor(
    'all pods to run',
    async () => {
      let isSettled = true;
      for (const { name: namespace } of NAMESPACES) {
        const pods = await podsOf(lab, namespace);
        const waiting = pods.filter(({ status }) => status.phase !== 'Running');
        if (waiting.length === 0) continue;
        isSettled = false;
        const stuck = waiting.filter((pod) => portsOf(pod) === undefined).map(({ metadata }) => metadata.name);
        if (stuck.length > 0) await lab.tryKubectl(['delete', 'pod', '-n', namespace, ...stuck, '--now']);
      }
      return isSettled;
    },
    { timeoutMs: 300_000, everyMs: 5_000 },
  );
}

async function judge(
  lab: LabHandle,
  report: Reporter,
  { cluster, installation }: { readonly cluster: Cluster; readonly installation: Installation },
): Promise<void> {
  const flags = ['--settle', '5', '--json', '--kubeconfig', lab.kubeconfig];
  const { stdout, stderr } = await contrailCommand(['ipam', 'check', ...flags]);
  const answer = JSON.parse(stdout === '' ? '{}' : stdout) as { findings?: unknown; compared?: unknown };
  report.equal('ipam check is clean', answer.findings ?? stderr, []);
  report.note(`compared: ${JSON.stringify(answer.compared)}`);
  await judgeKernels(lab, report, { cluster, installation });
}
