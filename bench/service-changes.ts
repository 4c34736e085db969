/**
 * An endpoint's change until it is in force on both nodes: from the request to the API server until the kernels have told
 * (`nft monitor`) of a transaction with the Service in it. An endpoint goes and comes back in turn.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Place } from './flows.ts';
import type { ServiceOfWorld, ServiceWorld } from './service-world.ts';

/** kube-proxy waits for a second after each of its rounds: a change is measured by itself. */
const PAUSE_MS = 1200;
/** What is late by more than this has been lost. */
const LIMIT_MS = 30_000;

/** Tells when kernels have changed. */
export interface KernelWatch {
  /** Resolves when each of them has told of something that holds the text, from now on. */
  readonly next: (text: string) => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** Listens in several places at once. */
export async function watchKernels(places: readonly Pick<Place, 'enter'>[]): Promise<KernelWatch> {
  const waiting = places.map(() => new Set<{ readonly text: string; readonly seen: () => void }>());
  const monitors = places.map(({ enter }, index) => {
    const [program = '', ...args] = enter;
    const monitor = spawn(program, [...args, 'nft', 'monitor'], { stdio: ['ignore', 'pipe', 'ignore'] });
    createInterface({ input: monitor.stdout }).on('line', (line) => {
      for (const each of waiting[index] ?? []) if (line.includes(each.text)) each.seen();
    });
    return monitor;
  });
  // It reads what stands before it listens.
  await sleep(2000);
  return {
    next: async (text) => {
      await Promise.all(waiting.map(async (ears) => heard(ears, text)));
    },
    stop: async () => void (await Promise.all(monitors.map(end))),
  };
}

type Ears = Set<{ readonly text: string; readonly seen: () => void }>;

async function heard(ears: Ears, text: string): Promise<void> {
  const { promise, resolve: seen } = Promise.withResolvers<void>();
  const ear = { text, seen };
  ears.add(ear);
  try {
    await promise;
  } finally {
    ears.delete(ear);
  }
}

async function end(monitor: ChildProcess): Promise<void> {
  const gone = once(monitor, 'exit');
  if (monitor.exitCode === null && monitor.kill('SIGKILL')) await gone;
}

/** Milliseconds of so many changes; `text` is what the kernels' words of the Service have in common. An even number. */
export async function changeTimes(
  { world, service }: { readonly world: ServiceWorld; readonly service: ServiceOfWorld },
  { watch, text, count }: { readonly watch: KernelWatch; readonly text: string; readonly count: number },
): Promise<readonly number[]> {
  const samples: number[] = [];
  for (let change = 0; change < count; change += 1) {
    const startedAt = performance.now();
    const seen = watch.next(text);
    await world.change(service, change % 2 === 1);
    await Promise.race([seen, sleep(LIMIT_MS, undefined, { ref: false }).then(() => lost(text))]);
    samples.push(performance.now() - startedAt);
    await sleep(PAUSE_MS);
  }
  return samples;
}

function lost(text: string): never {
  throw new Error(`no kernel told of ${text} within ${LIMIT_MS} ms`);
}
