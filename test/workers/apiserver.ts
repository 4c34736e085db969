/** A real API server (etcd and kube-apiserver of the lab's cache) for integration tests; no controllers, no kubelets. */
import { spawn, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { installResources } from '../kubernetes/resources.ts';
import { createKubeClient, type KubeClient } from '../../kubernetes/client.ts';

export interface TestApiServer {
  readonly kubeconfig: string;
  readonly kube: KubeClient;
  readonly stop: () => Promise<void>;
}

/** The folder with the lab's binaries, or `undefined` on a machine where the lab was never built. */
export function labBinaries(): string | undefined {
  const cache = join(homedir(), '.cache', 'opencontrail-lab');
  if (!existsSync(cache)) return undefined;
  const folders = readdirSync(cache).map((version) => join(cache, version, 'bin'));
  return folders.find((bin) => existsSync(join(bin, 'etcd')) && existsSync(join(bin, 'kube-apiserver')));
}

/** Starts etcd and kube-apiserver on free ports of 127.0.0.1 and waits until the API server is ready. */
export async function startApiServer(bin: string): Promise<TestApiServer> {
  const folder = mkdtempSync(join(tmpdir(), 'oc-workers-api-'));
  const [client, peer, secure] = [await freePort(), await freePort(), await freePort()];
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  writeFileSync(join(folder, 'sa.key'), privateKey);
  writeFileSync(join(folder, 'sa.pub'), publicKey);
  writeFileSync(join(folder, 'tokens.csv'), 'test-token,tester,tester,system:masters\n');
  const children: ChildProcess[] = [];
  const start = (program: string, args: readonly string[]): void =>
    void children.push(spawn(join(bin, program), args, { stdio: 'ignore' }));
  start('etcd', [
    `--data-dir=${join(folder, 'etcd')}`,
    `--listen-client-urls=http://127.0.0.1:${client}`,
    `--advertise-client-urls=http://127.0.0.1:${client}`,
    `--listen-peer-urls=http://127.0.0.1:${peer}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${peer}`,
    `--initial-cluster=default=http://127.0.0.1:${peer}`,
    '--unsafe-no-fsync',
  ]);
  start('kube-apiserver', [
    `--etcd-servers=http://127.0.0.1:${client}`,
    `--secure-port=${secure}`,
    '--bind-address=127.0.0.1',
    `--cert-dir=${join(folder, 'certs')}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${join(folder, 'sa.pub')}`,
    `--service-account-signing-key-file=${join(folder, 'sa.key')}`,
    `--token-auth-file=${join(folder, 'tokens.csv')}`,
    '--service-cluster-ip-range=10.96.0.0/12',
    '--authorization-mode=RBAC',
    '--disable-admission-plugins=ServiceAccount',
    '--allow-privileged',
  ]);
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(kubeconfig, kubeconfigText(`https://127.0.0.1:${secure}`));
  const kube = createKubeClient({ kubeconfig });
  await untilReady(kube);
  await installResources(kube);
  return {
    kubeconfig,
    kube,
    stop: async () => {
      for (const child of children.reverse()) {
        const gone = once(child, 'exit');
        child.kill('SIGKILL');
        await gone;
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function kubeconfigText(server: string): string {
  const cluster = { name: 'test', cluster: { server, 'insecure-skip-tls-verify': true } };
  const user = { name: 'test', user: { token: 'test-token' } };
  const context = { name: 'test', context: { cluster: 'test', user: 'test' } };
  const head = { apiVersion: 'v1', kind: 'Config', 'current-context': 'test' };
  return JSON.stringify({ ...head, clusters: [cluster], users: [user], contexts: [context] });
}

async function untilReady(kube: KubeClient): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt += 1) {
    try {
      if ((await kube.get('/api/v1/namespaces/default', { timeoutMs: 1000 })) !== undefined) return;
    } catch {
      // Not there yet.
    }
    await sleep(100);
  }
  throw new Error('kube-apiserver does not become ready');
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
