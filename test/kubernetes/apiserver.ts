/** A real etcd and a real kube-apiserver of a test's own, on loopback ports; the binaries are the lab's. */
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { createWriteStream, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createAuthority, issueServing } from '../../certs/issue.ts';
import { createKubeClient, type KubeClient } from '../../kubernetes/client.ts';
import { binary } from '../lab/paths.ts';

/** Who may ask, each with a token of its own. `admin` may do all; the service accounts are the chart's. */
const USERS = {
  admin: { user: 'admin', groups: 'system:masters' },
  alice: { user: 'alice', groups: 'system:masters' },
  /** May do only what a test grants. */
  bob: { user: 'bob', groups: 'developers' },
  workers: { user: 'system:serviceaccount:opencontrail:workers', groups: 'system:masters' },
  webhooks: { user: 'system:serviceaccount:opencontrail:webhooks', groups: 'system:masters' },
} as const;

export type TestUser = keyof typeof USERS;

export interface TestApiServer {
  readonly url: string;
  /** PEM file of the CA of the API server's certificate. */
  readonly caFile: string;
  /** A kubeconfig file of a user. */
  readonly kubeconfig: (user?: TestUser) => string;
  /** A client as a user; all but bob are in `system:masters`, so only admission tells them apart. */
  readonly client: (user?: TestUser) => KubeClient;
  /** A file with a user's token, for programs that read a service account's. */
  readonly tokenFile: (user: TestUser) => string;
  /** Kills the API server with -9; etcd keeps what it knows. */
  readonly kill: () => Promise<void>;
  /** Starts it again on the same port. */
  readonly restart: () => Promise<void>;
  /** Ends both and removes their folder. */
  readonly stop: () => Promise<void>;
}

/** Whether the lab has built the binaries; suites that need them are skipped otherwise. */
export const hasApiServer = existsSync(binary('etcd')) && existsSync(binary('kube-apiserver'));

/** Starts both and waits until the API server is ready (about four seconds). */
export async function startApiServer(extraFlags: readonly string[] = []): Promise<TestApiServer> {
  const folder = mkdtempSync(join(tmpdir(), 'oc-kube-'));
  const ports = { etcd: await freePort(), peer: await freePort(), api: await freePort() };
  writeCredentials(folder);
  const etcd = start(folder, 'etcd', etcdFlags(folder, ports));
  let api = start(folder, 'kube-apiserver', [...apiFlags(folder, ports), ...extraFlags]);
  const url = `https://127.0.0.1:${ports.api}`;
  const caFile = join(folder, 'ca.crt');
  const client = (user: TestUser = 'admin'): KubeClient =>
    createKubeClient({ apiServer: url, caFile, tokenFile: join(folder, `${user}.token`) });
  await ready(client(), folder);
  return {
    url,
    caFile,
    client,
    tokenFile: (user) => join(folder, `${user}.token`),
    kubeconfig: (user = 'admin') => writeKubeconfig(folder, url, user),
    kill: async () => await end(api),
    restart: async () => {
      await end(api);
      api = start(folder, 'kube-apiserver', [...apiFlags(folder, ports), ...extraFlags]);
      await ready(client(), folder);
    },
    stop: async () => {
      await end(api);
      await end(etcd);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface Ports {
  readonly etcd: number;
  readonly peer: number;
  readonly api: number;
}

function etcdFlags(folder: string, { etcd, peer }: Ports): string[] {
  const [client, peers] = [`http://127.0.0.1:${etcd}`, `http://127.0.0.1:${peer}`];
  return [
    `--data-dir=${join(folder, 'etcd')}`,
    '--unsafe-no-fsync',
    '--name=test',
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peers}`,
    `--initial-advertise-peer-urls=${peers}`,
    `--initial-cluster=test=${peers}`,
  ];
}

function apiFlags(folder: string, { etcd, api }: Ports): string[] {
  const file = (name: string): string => join(folder, name);
  return [
    `--etcd-servers=http://127.0.0.1:${etcd}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${api}`,
    `--tls-cert-file=${file('api.crt')}`,
    `--tls-private-key-file=${file('api.key')}`,
    `--token-auth-file=${file('tokens.csv')}`,
    `--service-account-key-file=${file('accounts.key')}`,
    `--service-account-signing-key-file=${file('accounts.key')}`,
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    '--authorization-mode=RBAC',
    // No controller makes the default service account of a namespace here.
    '--disable-admission-plugins=ServiceAccount',
    '--service-cluster-ip-range=10.96.0.0/12',
    '--allow-privileged',
    // The endpoints of the `kubernetes` Service may not be loopback addresses, which is all there is here.
    '--endpoint-reconciler-type=none',
    '--watch-cache=true',
  ];
}

function writeCredentials(folder: string): void {
  const now = Date.now();
  const authority = createAuthority('test', { now, days: 2 });
  const names = ['127.0.0.1', 'localhost', 'kubernetes.default.svc'];
  const serving = issueServing(authority, names, { now, days: 1 });
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  });
  writeFileSync(join(folder, 'ca.crt'), authority.cert);
  writeFileSync(join(folder, 'api.crt'), serving.cert);
  writeFileSync(join(folder, 'api.key'), serving.key);
  writeFileSync(join(folder, 'accounts.key'), privateKey);
  const rows = Object.entries(USERS).map(([name, { user, groups }]) => {
    writeFileSync(join(folder, `${name}.token`), `token-of-${name}`);
    return `token-of-${name},${user},${name},"${groups}"`;
  });
  writeFileSync(join(folder, 'tokens.csv'), `${rows.join('\n')}\n`);
}

function writeKubeconfig(folder: string, server: string, user: TestUser): string {
  const path = join(folder, `${user}.kubeconfig`);
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority': join(folder, 'ca.crt') } }],
    users: [{ name: user, user: { token: `token-of-${user}` } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user } }],
  };
  writeFileSync(path, JSON.stringify(config)); // JSON is YAML.
  return path;
}

function start(folder: string, program: string, flags: readonly string[]): ChildProcess {
  const log = createWriteStream(join(folder, `${program}.log`), { flags: 'a' });
  const child = spawn(binary(program), flags, { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout?.pipe(log);
  child.stderr?.pipe(log);
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGKILL');
  await gone;
}

async function ready(client: KubeClient, folder: string): Promise<void> {
  for (let tries = 0; tries < 300; tries += 1) {
    try {
      // The namespace is made by a start-up hook, and everything needs it.
      if ((await client.get('/api/v1/namespaces/default')) !== undefined) return;
    } catch {
      // Not listening, or not ready yet.
    }
    await sleep(200);
  }
  throw new Error(
    `the API server is not ready: ${readFileSync(join(folder, 'kube-apiserver.log'), 'utf8').slice(-2000)}`,
  );
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}
