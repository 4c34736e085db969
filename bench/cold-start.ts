/** From the start of a process to its first answer: the webhook as a function against a module of pepr, bundled alike. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { request as secureRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startApiServer, type TestApiServer } from '../test/kubernetes/apiserver.ts';
import { buildBinaries } from '../test/lab/binaries/build.ts';
import { bundlePepr, PEPR_PORT, peprEnvironment, preparePepr } from './pepr.ts';
import { podReview } from './pod-review.ts';
import { percentile, ratioLine } from './statistics.ts';

const ROUNDS = 11;
const PORTS = { ours: 19_446, pepr: PEPR_PORT } as const;
/**
 * Each is timed until it has answered a review, which both need a real API server for: ours reads the pod's namespace, pepr its
 * store, after a random delay of up to three seconds that it has against collisions. So the first answer of any kind is told too.
 */
export async function run(): Promise<readonly string[]> {
  await buildBinaries();
  const folder = mkdtempSync(join(tmpdir(), 'oc-cold-'));
  const api = await startApiServer();
  try {
    const bundles = { ours: bundleOurs(folder), pepr: bundlePepr() };
    const environments = { ours: ourEnvironment(api), pepr: peprEnvironment(folder, api) };
    await preparePepr(api);
    const times: Record<keyof typeof PORTS, Start[]> = { ours: [], pepr: [] };
    const starts = Array.from({ length: ROUNDS + 1 }, () => ['ours', 'pepr'] as const).flat();
    for (const server of starts) times[server].push(await coldStart(server, bundles[server], environments[server]));
    const kibibytes = (server: keyof typeof PORTS): number => statSync(bundles[server]).size / 1024;
    return [
      ...(['review', 'anything'] as const).map((what) => {
        const median = (server: keyof typeof PORTS): number =>
          percentile(
            // The first start warms the disk's cache.
            times[server].slice(1).map((start) => start[what]),
            0.5,
          );
        return ratioLine(`process start to first answer (${what}) p50`, median('ours'), median('pepr'), 'ms');
      }),
      ratioLine('bundle', kibibytes('ours'), kibibytes('pepr'), 'KiB'),
    ];
  } finally {
    await api.stop();
    rmSync(folder, { recursive: true });
  }
}

function bundleOurs(folder: string): string {
  const file = join(folder, 'function.mjs');
  const shape = ['--target=node', '--format=esm', '--minify', '--external', '@kubernetes/client-node'];
  execFileSync('bun', ['build', 'webhooks/hosts/main.ts', ...shape, '--outfile', file], { stdio: 'ignore' });
  return file;
}

type Environment = Readonly<Record<string, string>>;

function ourEnvironment(api: TestApiServer): Environment {
  return {
    PORT: String(PORTS.ours),
    OPENCONTRAIL_KUBERNETES_API: api.url,
    OPENCONTRAIL_KUBERNETES_TOKEN: 'token-of-webhooks',
    OPENCONTRAIL_LOG_LEVEL: 'warn',
    NODE_EXTRA_CA_CERTS: api.caFile,
  };
}

/** Milliseconds from the start of the process until its first answer of any kind, and to a review. */
interface Start {
  readonly anything: number;
  readonly review: number;
}

/** Asks again every two milliseconds until a review is answered. */
async function coldStart(server: keyof typeof PORTS, bundle: string, env: Environment): Promise<Start> {
  const started = performance.now();
  const child = spawn(process.execPath, [bundle], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  let anything: number | undefined;
  try {
    for (;;) {
      const status = await ask(server);
      const now = performance.now() - started;
      if (status !== undefined) anything ??= now;
      if (status === 200) return { anything: anything ?? now, review: now };
      if (child.exitCode !== null) throw new Error(`${server} has ended`);
      await sleep(2);
    }
  } finally {
    await ended(child);
  }
}

/** The status of the answer to a review; `undefined` where nobody listens yet. */
function ask(server: keyof typeof PORTS): Promise<number | undefined> {
  const headers = { 'content-type': 'application/json' };
  const where = { host: '127.0.0.1', port: PORTS[server], path: '/mutate/pods', method: 'POST', headers };
  const call = server === 'ours' ? request(where) : secureRequest({ ...where, rejectUnauthorized: false });
  return new Promise((resolve) => {
    call.on('response', (answer) => answer.resume().on('end', () => resolve(answer.statusCode)));
    call.on('error', () => resolve(undefined));
    call.end(JSON.stringify(podReview()));
  });
}

async function ended(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  if (child.exitCode === null && child.kill('SIGKILL')) await gone;
}
