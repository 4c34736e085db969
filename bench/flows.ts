/** Flows between two places, by programs of the machine's own: what benchmarks of the data path measure. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../test/lab/command.ts';
import type { Lab } from '../test/vrouter/lab/nodes.ts';
import { percentile } from './statistics.ts';

/** Where a benchmark runs: a command prefix that enters the place, and the address it is reached at there. */
export interface Place {
  readonly enter: readonly string[];
  readonly address: string;
}

/** A machine or a pod of a packet lab. */
export function placeIn({ prefix }: Pick<Lab, 'prefix'>, name: string, address: string): Place {
  return { enter: ['ip', 'netns', 'exec', `${prefix}-${name}`], address };
}

/** From whom to whom. */
export interface Ends {
  readonly client: Place;
  readonly server: Place;
}

/** Two ends, and what has to be in force while they are measured. */
export interface Path extends Ends {
  readonly prepare?: () => Promise<void>;
}

/** What one of the functions below measures in so many seconds. */
export type Figure = (ends: Ends, seconds: number) => Promise<number>;

/** The median of a figure for each path; they are measured in turn, so that an interruption of one round favours nobody. */
export async function medians<Name extends string>(
  paths: Readonly<Record<Name, Path>>,
  figure: Figure,
  { rounds, seconds }: { readonly rounds: number; readonly seconds: number },
): Promise<Readonly<Record<Name, number>>> {
  const samples = Object.entries<Path>(paths).map(([name, path]) => ({ name, path, figures: [] as number[] }));
  for (let round = 0; round < rounds; round += 1) {
    for (const { path, figures } of samples) {
      await path.prepare?.();
      figures.push(await figure(path, seconds));
    }
  }
  // The names are those of `paths`.
  return Object.fromEntries(samples.map(({ name, figures }) => [name, percentile(figures, 0.5)])) as Record<
    Name,
    number
  >;
}

/** Installs the programs. */
export async function installTools(): Promise<void> {
  await run('apt-get', ['install', '-y', '-qq', 'apache2-utils', 'iperf3', 'qperf', 'wrk'], {
    env: { DEBIAN_FRONTEND: 'noninteractive' },
  });
}

/** Gbit/s of one TCP stream. */
export async function throughput({ client, server }: Ends, seconds: number): Promise<number> {
  return await withServer(server, { port: 5201, command: ['iperf3', '-s', '-1'] }, async () => {
    const text = await within(client, ['iperf3', '-J', '-c', server.address, '-t', String(seconds)]);
    // iperf3's documented JSON report.
    const { end } = JSON.parse(text) as { end: { sum_received: { bits_per_second: number } } };
    return end.sum_received.bits_per_second / 1e9;
  });
}

/** Round trips per second of one TCP connection, one byte each way. */
export async function requestRate({ client, server }: Ends, seconds: number): Promise<number> {
  return await withServer(server, { port: 19_765, command: ['qperf'] }, async () => {
    const text = await within(client, ['qperf', '-t', String(seconds), '-uu', '-v', server.address, 'tcp_lat']);
    // qperf counts the messages of both directions.
    return Number(/msg_rate\s*=\s*(\d+)/.exec(text)?.[1]) / 2;
  });
}

/** An HTTP server that answers the same to whatever it is asked. */
const ANSWERING = `
defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
frontend answering
  bind :::8080 v4v6
  http-request return status 200 content-type text/plain string ok
`;

/** TCP connections per second, each for one HTTP request; 16 at a time. Throws when any of them failed. */
export async function connectionRate({ client, server }: Ends, seconds: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'flows-'));
  const file = join(folder, 'haproxy.cfg');
  await writeFile(file, ANSWERING);
  try {
    return await withServer(server, { port: 8080, command: ['haproxy', '-db', '-f', file] }, async () => {
      const url = `http://${server.address.includes(':') ? `[${server.address}]` : server.address}:8080/`;
      const options = ['-t', '1', '-c', '16', '-d', `${seconds}s`, '-H', 'Connection: close'];
      const text = await within(client, ['wrk', ...options, url]);
      const failed = /Socket errors: .*/.exec(text)?.[0];
      if (failed !== undefined) throw new Error(`${url}: ${failed}`);
      return Number(/Requests\/sec:\s*([\d.]+)/.exec(text)?.[1]);
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** What a program says in a place. */
export async function within({ enter }: Pick<Place, 'enter'>, args: readonly string[]): Promise<string> {
  const [program = '', ...rest] = [...enter, ...args];
  return (await run(program, rest)).stdout;
}

interface Server {
  readonly port: number;
  readonly command: readonly string[];
}

/** Runs `body` while the server listens. */
export async function withServer<T>(place: Place, { port, command }: Server, body: () => Promise<T>): Promise<T> {
  const [program = '', ...args] = [...place.enter, ...command];
  // A group of its own: what enters a machine of the lab is not the server, but the server's parent.
  const child = spawn(program, args, { stdio: 'ignore', detached: true });
  const ended = new Promise((resolve) => child.on('close', resolve));
  try {
    while ((await within(place, ['ss', '-Hltn', `sport = :${port}`])) === '') {
      if (child.exitCode !== null) throw new Error(`${program} ${args.join(' ')} ended with ${child.exitCode}`);
      await sleep(50);
    }
    return await body();
  } finally {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGTERM');
    await Promise.race([ended, sleep(2000)]);
  }
}
