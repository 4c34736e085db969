/** A Pod CREATE review at 200/s over TLS: ours against a bare Node https server with a constant answer. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createAuthority, issueServing } from '../certs/issue.ts';
import { startApiServer } from '../test/kubernetes/apiserver.ts';
import { buildBinaries } from '../test/lab/binaries/build.ts';
import { podReview } from './pod-review.ts';
import { percentile, ratioLine } from './statistics.ts';

const RATE = 200;
const SECONDS_PER_ROUND = 5;
const ROUNDS = 4;
const PORTS = { ours: 19_443, bare: 19_444 } as const;
type Server = keyof typeof PORTS;

/** Rounds alternate between the two, so that what else the machine does falls on both. */
export async function run(): Promise<readonly string[]> {
  await buildBinaries();
  const folder = mkdtempSync(join(tmpdir(), 'oc-bench-'));
  const api = await startApiServer();
  const children: ChildProcess[] = [];
  try {
    const [cert, key] = certificate(folder);
    const node = (...args: readonly string[]): void => {
      children.push(spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] }));
    };
    node('bench/bare-webhook.ts', String(PORTS.bare), cert, key);
    const listen = ['--listen', `127.0.0.1:${PORTS.ours}`, '--tls-cert', cert, '--tls-key', key, '--log-level', 'warn'];
    node('webhooks/main.ts', '--kubeconfig', api.kubeconfig(), ...listen);
    const samples: Record<Server, number[]> = { ours: [], bare: [] };
    for (const server of ['ours', 'bare'] as const) await round(server, []);
    for (let index = 0; index < ROUNDS; index += 1) {
      for (const server of ['ours', 'bare'] as const) await round(server, samples[server]);
    }
    return [0.5, 0.99].map((p) =>
      ratioLine(`review p${p * 100} at ${RATE}/s`, percentile(samples.ours, p), percentile(samples.bare, p), 'ms'),
    );
  } finally {
    for (const child of children) child.kill();
    await api.stop();
    rmSync(folder, { recursive: true });
  }
}

/** Sends at a fixed rate, whatever the answers take (an open loop), and notes each answer's milliseconds. */
async function round(server: Server, samples: number[]): Promise<void> {
  const agent = new Agent({ keepAlive: true, rejectUnauthorized: false });
  await untilAnswering(server, agent);
  const pending: Promise<void>[] = [];
  const started = performance.now();
  for (let index = 0; index < RATE * SECONDS_PER_ROUND; index += 1) {
    await sleep(Math.max(0, started + (index * 1000) / RATE - performance.now()));
    const sent = performance.now();
    pending.push(post(server, agent).then(() => void samples.push(performance.now() - sent)));
  }
  await Promise.all(pending);
  agent.destroy();
}

async function untilAnswering(server: Server, agent: Agent): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const answered = await post(server, agent).then(
      () => true,
      () => false,
    );
    if (answered) return;
    await sleep(200);
  }
  throw new Error(`the ${server} server does not answer`);
}

function post(server: Server, agent: Agent): Promise<void> {
  const body = JSON.stringify(podReview());
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const call = request(
      { host: '127.0.0.1', port: PORTS[server], path: '/mutate', method: 'POST', agent, headers },
      (answer) => {
        answer.resume();
        answer.on('end', () =>
          answer.statusCode === 200 ? resolve() : reject(new Error(`HTTP ${answer.statusCode}`)),
        );
      },
    );
    call.on('error', reject);
    call.end(body);
  });
}

function certificate(folder: string): readonly [cert: string, key: string] {
  const validity = { now: Date.now(), days: 1 };
  const pair = issueServing(createAuthority('bench', validity), ['localhost'], validity);
  const files = [join(folder, 'tls.crt'), join(folder, 'tls.key')] as const;
  writeFileSync(files[0], pair.cert);
  writeFileSync(files[1], pair.key);
  return files;
}
