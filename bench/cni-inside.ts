/** Runs inside a lab machine: times ADD then DEL of a CNI plugin on fresh network namespaces; prints milliseconds as JSON. */
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';

/** What is measured: one plugin with its configuration and the pod it is called for. */
export interface Measured {
  readonly plugin: string;
  readonly path: string;
  readonly config: object;
  readonly args: string;
  readonly rounds: number;
}

export interface Times {
  readonly add: readonly number[];
  readonly del: readonly number[];
}

const measured = JSON.parse(process.argv[2] ?? '') as Measured;
const add: number[] = [];
const del: number[] = [];
for (let round = 0; round < measured.rounds; round += 1) {
  const netns = `ocbench-cni-${round}`;
  command('ip', ['netns', 'add', netns]);
  const container = randomUUID();
  add.push(timed('ADD', container, netns));
  del.push(timed('DEL', container, netns));
  command('ip', ['netns', 'del', netns]);
}
process.stdout.write(JSON.stringify({ add, del } satisfies Times));

function timed(verb: 'ADD' | 'DEL', container: string, netns: string): number {
  const env = {
    PATH: process.env['PATH'],
    CNI_COMMAND: verb,
    CNI_CONTAINERID: container,
    CNI_NETNS: `/run/netns/${netns}`,
    CNI_IFNAME: 'eth0',
    CNI_PATH: measured.path,
    CNI_ARGS: measured.args,
  };
  const started = performance.now();
  const result = spawnSync(measured.plugin, { env, input: JSON.stringify(measured.config) });
  const tookMs = performance.now() - started;
  if (result.status !== 0) throw new Error(`${verb} failed: ${result.stdout.toString()} ${result.stderr.toString()}`);
  return tookMs;
}

function command(program: string, args: readonly string[]): void {
  const result = spawnSync(program, args);
  if (result.status !== 0) throw new Error(`${program} ${args.join(' ')}: ${result.stderr.toString()}`);
}
