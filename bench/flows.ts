/** Flows between two places, by programs of the machine's own: what benchmarks of the data path measure. */
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../test/lab/command.ts';

/** Where a benchmark runs: a command prefix that enters the place, and the address it is reached at there. */
export interface Place {
  readonly enter: readonly string[];
  readonly address: string;
}

/** From whom to whom. */
export interface Ends {
  readonly client: Place;
  readonly server: Place;
}

/** Installs the programs. */
export async function installTools(): Promise<void> {
  await run('apt-get', ['install', '-y', '-qq', 'iperf3', 'qperf'], { env: { DEBIAN_FRONTEND: 'noninteractive' } });
}

/** Gbit/s of one TCP stream. */
export async function throughput({ client, server }: Ends, seconds: number): Promise<number> {
  return await withServer(server, ['iperf3', '-s', '-1'], async () => {
    const text = await within(client, ['iperf3', '-J', '-c', server.address, '-t', String(seconds)]);
    // iperf3's documented JSON report.
    const { end } = JSON.parse(text) as { end: { sum_received: { bits_per_second: number } } };
    return end.sum_received.bits_per_second / 1e9;
  });
}

/** Round trips per second of one TCP connection, one byte each way. */
export async function requestRate({ client, server }: Ends, seconds: number): Promise<number> {
  return await withServer(server, ['qperf'], async () => {
    const text = await within(client, ['qperf', '-t', String(seconds), '-uu', '-v', server.address, 'tcp_lat']);
    // qperf counts the messages of both directions.
    return Number(/msg_rate\s*=\s*(\d+)/.exec(text)?.[1]) / 2;
  });
}

async function within({ enter }: Place, args: readonly string[]): Promise<string> {
  const [program = '', ...rest] = [...enter, ...args];
  return (await run(program, rest)).stdout;
}

async function withServer<T>({ enter }: Place, server: readonly string[], body: () => Promise<T>): Promise<T> {
  const [program = '', ...args] = [...enter, ...server];
  const child = spawn(program, args, { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.on('close', resolve));
  try {
    await sleep(300);
    return await body();
  } finally {
    child.kill('SIGTERM');
    await Promise.race([ended, sleep(2000)]);
  }
}
