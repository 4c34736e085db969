/**
 * A node dies that answers for an address of the outside's: how long until another one serves it. For a load balancer, what a client
 * outside sees by new connections; for a logical router, what a TCP stream of a pod that lives sees.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { holderOf } from '../test/e2e/balancers.ts';
import { dialPod } from '../test/e2e/dial.ts';
import { cutOff, poolOf, spare } from '../test/e2e/outside.ts';
import { podManifest, shell } from '../test/e2e/pods.ts';
import { takeDown } from '../test/lab/down.ts';
import { type LabHandle, openLab } from '../test/lab/handle.ts';
import { machineCommand } from '../test/lab/machine.ts';
import { say } from '../test/lab/progress.ts';
import { bringUp } from '../test/lab/up.ts';
import { percentile } from './statistics.ts';

const [RUNS, AIM_MS] = [20, 2000] as const;
const [NAMESPACE, POOL, STREAM_PORT, WEB_PORT] = ['takeover', 'takeover', 6445, 8080] as const;
/** Of the outside's spare addresses. */
const [FIRST, LAST] = [244, 246] as const;
/** After a node has come back: it takes its addresses again, and streams have recovered. */
const SETTLED_MS = 6000;

interface Pause {
  readonly of: string;
  readonly ms: number;
}

/** Pauses as they end, seen from the machine outside. */
interface Watch {
  readonly pauses: Pause[];
  readonly end: () => Promise<void>;
}

/** Brings the lab up, and leaves none behind. */
export async function run(): Promise<readonly string[]> {
  await bringUp({ bare: false });
  const lab = openLab();
  try {
    const annotations = { 'opencontrail.org/isolation': 'true', 'opencontrail.org/ip_fabric_snat': 'true' };
    await lab.createNamespace(NAMESPACE, { annotations });
    lab.onCleanup(() => lab.kubectl(['delete', 'floatingippool', POOL, '--ignore-not-found']));
    await lab.apply([poolOf(lab, { name: POOL, first: FIRST, last: LAST })]);
    const first = await balancer(lab);
    // Told as it comes, too: whoever waits for the other may wait in vain.
    say(`  ${first}`);
    return [first, await router(lab)];
  } finally {
    await lab.cleanup();
    await takeDown();
  }
}

async function balancer(lab: LabHandle): Promise<string> {
  const address = spare(lab, FIRST);
  const labels = { app: 'web' };
  const pods = lab.nodes.map((node) => dialPod({ namespace: NAMESPACE, name: `web-${node}`, node, labels }));
  const spec = {
    type: 'LoadBalancer',
    loadBalancerClass: `opencontrail.org/${POOL}`,
    loadBalancerIP: address,
    selector: labels,
    ports: [{ port: WEB_PORT }],
  };
  await lab.apply([
    ...pods,
    { apiVersion: 'v1', kind: 'Service', metadata: { namespace: NAMESPACE, name: 'web' }, spec },
  ]);
  await lab.podsReady(NAMESPACE);
  const url = `http://${address}:${WEB_PORT}/hostname`;
  await lab.waitFor('the load balancer', async () => (await lab.exec('out', ['curl', '-sfm', '1', url])).code === 0);
  const watch = watchFromOutside(['ask', url]);
  try {
    const samples = await deaths(lab, address, () => watch.pauses.splice(0));
    return line('a load balancer’s address answers new connections again', samples);
  } finally {
    await watch.end();
  }
}

async function router(lab: LabHandle): Promise<string> {
  const [address, outside] = [spare(lab, LAST), lab.address('out')];
  const watch = watchFromOutside(['listen', outside, `${STREAM_PORT}`]);
  try {
    const spec = { pool: POOL, networks: [{ kind: 'Namespace' }], addresses: [address] };
    const ticks = `while usleep 20000; do echo tick; done | nc ${outside} ${STREAM_PORT}`;
    await lab.apply([
      {
        apiVersion: 'opencontrail.org/v1alpha1',
        kind: 'LogicalRouter',
        metadata: { namespace: NAMESPACE, name: 'egress' },
        spec,
      },
    ]);
    await sleep(SETTLED_MS);
    const streams = lab.nodes.map((node) => ({ namespace: NAMESPACE, name: `stream-${node}`, node }));
    await lab.apply(streams.map((at) => podManifest(at, shell(ticks))));
    await lab.podsReady(NAMESPACE);
    const samples = await deaths(lab, address, () => watch.pauses.splice(0).filter(({ of }) => of.startsWith(address)));
    return line('a pod’s TCP stream goes on through a logical router', samples);
  } finally {
    await watch.end();
  }
}

/** Cuts off the node that holds an address, again and again; the first pause that ends after each cut. */
async function deaths(lab: LabHandle, address: string, takePauses: () => readonly Pause[]): Promise<readonly number[]> {
  const samples: number[] = [];
  for (let each = 0; each < RUNS; each += 1) {
    const holder = await holderOf(lab, address);
    takePauses();
    const back = await cutOff(lab, holder);
    samples.push(
      await lab.waitFor(`an end of the silence after ${holder}’s death`, async () => takePauses()[0]?.ms, {
        everyMs: 50,
      }),
    );
    await back();
    await sleep(SETTLED_MS);
  }
  return samples;
}

function watchFromOutside(args: readonly string[]): Watch {
  const program = join(import.meta.dirname, 'programs', 'pauses.ts');
  const [command, ...rest] = machineCommand('out', [process.execPath, '--no-warnings', program, ...args]);
  // A group of its own: what enters the machine is the program's parent.
  const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  const pauses: Pause[] = [];
  createInterface({ input: child.stdout }).on('line', (text) => pauses.push(JSON.parse(text) as Pause));
  const end = async (): Promise<void> => {
    if (child.pid === undefined || child.exitCode !== null) return;
    process.kill(-child.pid, 'SIGTERM');
    await once(child, 'close');
  };
  return { pauses, end };
}

function line(what: string, samples: readonly number[]): string {
  const [p50, most] = [percentile(samples, 0.5), Math.max(...samples)];
  return `${what} after a node’s death: p50 ${p50} ms, at most ${most} ms of ${samples.length}, aim ${AIM_MS} ms`;
}
