/** The webhooks program and the chart's own configurations on a test's API server. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { KubeClient, KubeObject } from '../../kubernetes/client.ts';
import type { TestApiServer } from '../kubernetes/apiserver.ts';
import { hasApiServer } from '../kubernetes/apiserver.ts';
import { eventually } from '../kubernetes/eventually.ts';
import { binary, checkout } from '../lab/paths.ts';

/** Whether the lab has built what the suite needs, Helm included. */
export const canInstall = hasApiServer && existsSync(binary('helm'));

const RESOURCES: Readonly<Record<string, string>> = {
  MutatingWebhookConfiguration: 'mutatingwebhookconfigurations',
  MutatingAdmissionPolicy: 'mutatingadmissionpolicies',
  MutatingAdmissionPolicyBinding: 'mutatingadmissionpolicybindings',
  ValidatingWebhookConfiguration: 'validatingwebhookconfigurations',
  ValidatingAdmissionPolicy: 'validatingadmissionpolicies',
  ValidatingAdmissionPolicyBinding: 'validatingadmissionpolicybindings',
};
const ADMISSION = '/apis/admissionregistration.k8s.io/v1';

/** A running replica. */
export interface Replica {
  readonly port: number;
  readonly log: () => string;
  readonly stop: (signal?: NodeJS.Signals) => Promise<number | null>;
}

/** Starts `webhooks/main.ts` as a process of its own, on a loopback port, as the user `webhooks`. */
export async function startReplica(server: TestApiServer, flags: readonly string[] = []): Promise<Replica> {
  const port = await freePort();
  const fixed = [
    `--listen=127.0.0.1:${port}`,
    `--kubeconfig=${server.kubeconfig('webhooks')}`,
    '--san=127.0.0.1',
    '--certs-interval=1',
    '--drain-seconds=0',
  ];
  const child = spawn(process.execPath, ['webhooks/main.ts', ...fixed, ...flags], {
    cwd: checkout,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let text = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  await eventually(() => {
    if (child.exitCode !== null) throw new Error(text);
    return text.includes('"serving"');
  });
  return { port, log: () => text, stop: async (signal) => await ended(child, signal ?? 'SIGTERM') };
}

/** Applies the chart's webhook configurations and policies; calls go to the replica by URL, for a Service has no addresses here. */
export async function installConfigurations(
  client: KubeClient,
  port: number,
  sets: readonly string[] = [],
): Promise<void> {
  await installRendered(client, rendered(['configuration', 'policy'], sets), port);
}

/** Applies the chart's policies for admission without a server, alone. */
export async function installMutatingPolicies(client: KubeClient, defaultMode: string): Promise<void> {
  const sets = ['webhooks.mutation=policy', `cluster.defaultMode=${defaultMode}`];
  await installRendered(client, rendered(['mutating-policy'], sets), 0);
}

async function installRendered(client: KubeClient, objects: readonly object[], port: number): Promise<void> {
  for (const object of objects) {
    const body = JSON.parse(
      JSON.stringify(object).replaceAll(
        SERVICE,
        (_, path: string) => `"clientConfig":{"url":"https://127.0.0.1:${port}${path}"}`,
      ),
    ) as KubeObject;
    const path = `${ADMISSION}/${RESOURCES[body.kind ?? ''] ?? ''}`;
    await client.delete(`${path}/${body.metadata.name}`);
    await client.post(path, body);
  }
}

/** Waits until both configurations carry a CA bundle. */
export async function published(client: KubeClient): Promise<void> {
  for (const resource of ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations']) {
    await eventually(async () => {
      const object = await client.get(`${ADMISSION}/${resource}/opencontrail`);
      return bundlesOf(object).every((bundle) => bundle !== '');
    });
  }
}

/** The CA bundle of each webhook of a configuration; empty where there is none. */
export function bundlesOf(configuration: KubeObject | undefined): readonly string[] {
  const { webhooks = [] } = (configuration ?? {}) as { webhooks?: readonly { clientConfig: { caBundle?: string } }[] };
  return webhooks.map(({ clientConfig }) => clientConfig.caBundle ?? '');
}

/** What an API server answers to a call that it refuses; `undefined` when it does not. */
export async function refusalOf(
  call: Promise<unknown>,
): Promise<{ readonly status: number; readonly message: string } | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    return error as { status: number; message: string };
  }
}

/** A pod to create, with annotations. */
export function podBody(name: string, annotations?: Readonly<Record<string, string>>, spec: object = {}): object {
  const metadata = { name, ...(annotations === undefined ? {} : { annotations }) };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [{ name: 'c', image: 'i' }], ...spec } };
}

/** A namespace to create, with annotations. */
export function namespaceBody(name: string, annotations: Readonly<Record<string, string>> = {}): object {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, annotations } };
}

const SERVICE = /"clientConfig":\{"service":\{[^}]*"path":"([^"]+)"[^}]*\}\}/g;

function rendered(templates: readonly string[], sets: readonly string[] = []): readonly object[] {
  const files = templates.flatMap((name) => ['-s', `templates/webhooks/${name}.yaml`]);
  const values = ['kubernetes.apiServer=192.0.2.1:6443', ...sets].flatMap((set) => ['--set', set]);
  const args = [
    'template',
    'oc',
    join(checkout, 'charts/opencontrail'),
    '-n',
    'opencontrail',
    '--kube-version',
    '1.36.3',
  ];
  const text = execFileSync(binary('helm'), [...args, ...values, ...files], {
    encoding: 'utf8',
  });
  return parseAllDocuments(text).flatMap((document) => (document.contents === null ? [] : [document.toJS() as object]));
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const gone = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  child.kill(signal);
  return await gone;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}
