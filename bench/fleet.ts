/**
 * How many pods get their ports in a second: one, two and four workers against a config API that takes 5 ms longer for each call, and
 * as a reference the model of the original kube-manager against the same one: one pod after the other, nothing cached.
 */
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { createReflector } from '../kubernetes/cache.ts';
import { slimPod } from '../kubernetes/objects.ts';
import { createLogger } from '../runtime/log.ts';
import { buildBinaries } from '../test/lab/binaries/build.ts';
import { binariesDir } from '../test/lab/paths.ts';
import { startRedis } from '../test/redis.ts';
import { createNode, firstPort } from '../test/workers/bed.ts';
import { createBoundPod, createBoundPods } from '../test/workers/bound-pods.ts';
import { type Fleet, type FleetWorker, startFleet, untilReady } from '../test/workers/fleet.ts';
import { startSlowRelay } from '../test/workers/slow-relay.ts';
import { serialPods } from './serial-manager.ts';
import { ratioLine } from './statistics.ts';

const DELAY_MS = 5;
const SERIAL_PODS = 150;
const NAMESPACE = 'bench';
const PORTS = 'opencontrail.org/ports';

/** Keys at once in each worker: few, so that calls and not the machine's cores are what is waited for; and the product's default. */
const CONCURRENCIES = [2, 16];
const COUNTS = [1, 2, 4];

export async function run(): Promise<readonly string[]> {
  await buildBinaries(['etcd', 'kube-apiserver']);
  const serial = await inFleet(async ({ slowUrl }) => await serialPods(slowUrl, SERIAL_PODS));
  const lines = [`strictly serial, nothing cached: ${serial.toFixed(1)} pods/s`];
  for (const concurrency of CONCURRENCIES) {
    const rounds: Round[] = [];
    for (const workers of COUNTS) rounds.push(await inFleet(async (bed) => await drain(bed, { workers, concurrency })));
    const [one] = rounds;
    if (one === undefined) continue;
    for (const round of rounds) {
      const linear = round.rate / (one.rate * round.workers);
      lines.push(
        ratioLine(`${round.workers} workers, ${concurrency} keys at once each`, round.rate, serial, 'pods/s') +
          `; ${linear.toFixed(2)} of linear, ${round.freeCores.toFixed(2)} of ${cpus().length} cores free, ` +
          `${round.cpuMs.toFixed(1)} ms of a worker's core for each pod`,
      );
    }
  }
  return lines;
}

interface Bed {
  readonly fleet: Fleet;
  /** The config API, over a line that takes its time. */
  readonly slowUrl: string;
}

/** Everything anew for each measurement: what an earlier one has left would be looked at again. */
async function inFleet<T>(body: (bed: Bed) => Promise<T>): Promise<T> {
  const redis = await startRedis();
  const fleet = await startFleet({ bin: `${binariesDir()}/bin`, redisUrl: redis.url });
  const relay = await startSlowRelay(fleet.configUrl, DELAY_MS);
  try {
    await createNode(fleet.kube, 'n1', '192.0.2.1');
    await fleet.kube.post('/api/v1/namespaces', { metadata: { name: NAMESPACE } });
    // What pods stand on is made before anything is measured.
    const first = await fleet.startWorker();
    await untilReady(first);
    await createBoundPod(fleet.kube, NAMESPACE, 'first');
    await firstPort(fleet.kube, NAMESPACE, 'first');
    await first.kill('SIGTERM');
    return await body({ fleet, slowUrl: relay.url });
  } finally {
    await fleet.stop();
    await relay.close();
    await redis.stop();
  }
}

interface Round {
  readonly workers: number;
  /** Pods that got their ports in a second. */
  readonly rate: number;
  readonly freeCores: number;
  readonly cpuMs: number;
}

interface Shape {
  readonly workers: number;
  readonly concurrency: number;
}

/** All pods wait before the first worker starts; measured from when the last one is ready until nearly all pods have their ports. */
async function drain({ fleet, slowUrl }: Bed, { workers, concurrency }: Shape): Promise<Round> {
  const pods = 500 + 500 * workers;
  await createBoundPods(fleet.kube, NAMESPACE, pods);
  const stop = new AbortController();
  const given = countPorts(fleet, stop.signal);
  const flags = { 'contrail-api': slowUrl, concurrency: `${concurrency}`, 'log-level': 'warn' };
  const started = await Promise.all(Array.from({ length: workers }, () => fleet.startWorker(flags)));
  try {
    await Promise.all(started.map(untilReady));
    const begin = reading(given(), started);
    if (begin.pods > pods / 2)
      throw new Error(`${workers} workers were too quick: ${begin.pods} of ${pods} pods are done`);
    while (given() < pods * 0.95) await sleep(20);
    const end = reading(given(), started);
    const seconds = (end.at - begin.at) / 1000;
    const done = end.pods - begin.pods;
    return {
      workers,
      rate: done / seconds,
      freeCores: (end.idleMs - begin.idleMs) / 1000 / seconds,
      cpuMs: (end.workersMs - begin.workersMs) / done,
    };
  } finally {
    stop.abort();
  }
}

/** Watches the namespace's pods; answers how many have their ports. */
function countPorts({ kube: client }: Fleet, signal: AbortSignal): () => number {
  const names = new Set<string>();
  createReflector({
    client,
    path: `/api/v1/namespaces/${NAMESPACE}/pods`,
    project: slimPod,
    onChange: ({ object: pod }) => {
      if (pod.annotations[PORTS] !== undefined) names.add(pod.name);
    },
    signal,
    log: createLogger('bench', 'warn'),
  });
  return () => names.size;
}

/** Where everything stands at a moment. */
function reading(pods: number, workers: readonly FleetWorker[]) {
  const idleMs = cpus().reduce((sum, { times }) => sum + times.idle, 0);
  const workersMs = workers.reduce((sum, { process: { pid } }) => sum + cpuMsOf(pid), 0);
  return { at: performance.now(), pods, idleMs, workersMs };
}

/** Kernel ticks, of which a second has 100. */
const MS_PER_TICK = 10;

/** What a process has had of the cores (proc(5), fields utime and stime). */
function cpuMsOf(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK;
}
