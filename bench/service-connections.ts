/** New TCP connections, each with one request: how many a second, and how long the slowest hundredth takes. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ends, within, withServer } from './flows.ts';
import type { ServiceOfWorld } from './service-world.ts';
import { percentile } from './statistics.ts';

const ROUNDS = 7;
const CONNECTIONS = 6_000;
const AT_ONCE = 8;

/** Medians of the rounds. */
export interface Connecting {
  readonly perSecond: number;
  readonly p99Ms: number;
}

/** A way to the server: from whom, and by which address. */
export interface Way {
  readonly ends: Ends;
  readonly address: string;
  readonly port: number;
}

/** By a Service, and straight to the pod behind it. */
export function waysTo(
  { address, port, targetPort }: ServiceOfWorld,
  ends: Ends,
): Readonly<Record<'service' | 'pod', Way>> {
  // At another port of the pod: connections of both ways could otherwise be the same behind the translation, and conntrack changes one.
  return { service: { ends, address, port }, pod: { ends, address: ends.server.address, port: targetPort + 1 } };
}

/** Measures all ways in turn, several rounds: an interruption of one round favours nobody. */
export async function connecting<Name extends string>(
  ways: Readonly<Record<Name, Way>>,
): Promise<Readonly<Record<Name, Connecting>>> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-connections-'));
  // `keyof` of a record is what it was made of.
  const names = Object.keys(ways) as Name[];
  const samples = new Map<Name, Connecting[]>(names.map((name) => [name, []]));
  const measure = async (): Promise<void> => {
    for (const name of names) samples.get(name)?.push(await connect(ways[name], folder));
  };
  try {
    // What is cold counts for nobody.
    for (const name of names) await connect(ways[name], folder);
    for (let round = 0; round < ROUNDS; round += 1) await measure();
  } finally {
    rmSync(folder, { recursive: true });
  }
  const median = (name: Name, of: keyof Connecting): number =>
    percentile(
      (samples.get(name) ?? []).map((sample) => sample[of]),
      0.5,
    );
  // One entry for each of the names.
  return Object.fromEntries(
    names.map((name) => [name, { perSecond: median(name, 'perSecond'), p99Ms: median(name, 'p99Ms') }]),
  ) as Record<Name, Connecting>;
}

async function connect({ ends: { client, server }, address, port }: Way, folder: string): Promise<Connecting> {
  const [config, table] = [join(folder, 'haproxy.cfg'), join(folder, 'percentiles.csv')];
  writeFileSync(config, SERVER);
  const url = `http://${address}:${port}/`;
  // An end that waits for stray packets would meet its successor, from the same port of the client.
  const serve = `echo 0 > /proc/sys/net/ipv4/tcp_max_tw_buckets; exec haproxy -f ${config}`;
  const said = await withServer(server, { port: 8080, command: ['sh', '-c', serve] }, () =>
    within(client, ['ab', '-q', '-n', `${CONNECTIONS}`, '-c', `${AT_ONCE}`, '-e', table, url]),
  );
  const field = (pattern: RegExp): number => Number(pattern.exec(said)?.[1]);
  const failed = field(/Failed requests:\s+(\d+)/);
  if (failed !== 0) throw new Error(`${failed} connections to ${address}:${port} failed`);
  return {
    perSecond: field(/Requests per second:\s+([\d.]+)/),
    p99Ms: Number(/^99,([\d.]+)$/m.exec(readFileSync(table, 'utf8'))?.[1]),
  };
}

/** Answers at once, and ends the connection. */
const SERVER = `defaults
  mode http
  option httpclose
  timeout client 5s
  timeout server 5s
  timeout connect 5s
frontend all
  bind :8080
  bind :8081
  http-request return status 200 content-type text/plain string ok
`;
