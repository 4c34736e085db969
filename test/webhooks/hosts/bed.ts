/** A real API server that shows a token and calls the mutating webhook by URL, as docs/admission.md has it, on one host after another. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthority, issueServing } from '../../../certs/issue.ts';
import type { KubeClient } from '../../../kubernetes/client.ts';
import { startApiServer, type TestApiServer } from '../../kubernetes/apiserver.ts';
import { eventually } from '../../kubernetes/eventually.ts';
import { checkout } from '../../lab/paths.ts';
import { podBody } from '../installation.ts';
import { type Platform, PLATFORMS, startFront } from './platforms.ts';

export const ASSIGNMENT = 'opencontrail.org/assignment';
/** What the API server shows to webhooks. */
export const TOKEN = 'of-the-api-server';
/** A namespace whose pods are isolated. */
export const ISOLATED = { name: 'isolated', annotations: { 'opencontrail.org/isolation': 'true' } };

const validity = { now: Date.now(), days: 1 };
const authority = createAuthority('front', validity);

export interface HostsBed {
  readonly server: TestApiServer;
  /** A user of the API server. */
  readonly alice: KubeClient;
  /** Starts a host and puts it behind the front; resolves when the API server has an answer of it. The one before is ended. */
  readonly host: (name: string) => Promise<Platform>;
  readonly createPod: (
    namespace: string,
    annotations?: Readonly<Record<string, string>>,
  ) => ReturnType<KubeClient['post']>;
  readonly stop: () => Promise<void>;
}

/** Builds the functions and starts the API server with its configuration; no host stands behind the URL yet. */
export async function startHostsBed(): Promise<HostsBed> {
  execFileSync(process.execPath, [join(checkout, 'tools/functions.ts')], {
    cwd: checkout,
    env: { PATH: join(checkout, 'node_modules/.bin') },
  });
  const folder = mkdtempSync(join(tmpdir(), 'oc-hosts-'));
  const server = await startApiServer([admissionFlag(folder)]);
  const alice = server.client('alice');
  await alice.post('/api/v1/namespaces', { metadata: ISOLATED });
  let platform: Platform | undefined;
  const front = await startFront(issueServing(authority, ['127.0.0.1'], validity), () => {
    if (platform === undefined) throw new Error('no host stands behind the front');
    return platform.send;
  });
  const webhooks = ['pods', 'namespaces'].map((resource) => configuration(front.port, resource));
  const path = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
  await server.client().post(path, { metadata: { name: 'functions' }, webhooks });
  let counter = 0;
  const createPod: HostsBed['createPod'] = async (namespace, annotations) => {
    counter += 1;
    return await alice.post(`/api/v1/namespaces/${namespace}/pods`, podBody(`pod-${counter}`, annotations));
  };
  return {
    server,
    alice,
    createPod,
    host: async (name) => {
      await platform?.stop();
      platform = await startHost(name, server);
      await eventually(async () => (await createPod('default')).metadata.annotations?.[ASSIGNMENT] !== undefined);
      return platform;
    },
    stop: async () => {
      await platform?.stop();
      front.server.close().closeAllConnections();
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function startHost(name: string, server: TestApiServer): Promise<Platform> {
  const start = PLATFORMS[name];
  if (start === undefined) throw new Error(`no host is called ${name}`);
  return await start({
    OPENCONTRAIL_KUBERNETES_API: server.url,
    OPENCONTRAIL_KUBERNETES_TOKEN: readFileSync(server.tokenFile('webhooks'), 'utf8'),
    OPENCONTRAIL_KUBERNETES_CA: readFileSync(server.caFile, 'utf8'),
    OPENCONTRAIL_CALLER_TOKEN: TOKEN,
  });
}

/** What an API server needs to show a token to webhooks: a file that names a kubeconfig. */
function admissionFlag(folder: string): string {
  const kubeconfig = join(folder, 'webhooks.kubeconfig');
  writeFileSync(
    kubeconfig,
    JSON.stringify({ apiVersion: 'v1', kind: 'Config', users: [{ name: '*', user: { token: TOKEN } }] }),
  );
  const plugin = {
    name: 'MutatingAdmissionWebhook',
    configuration: {
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'WebhookAdmissionConfiguration',
      kubeConfigFile: kubeconfig,
    },
  };
  const file = join(folder, 'admission.yaml');
  const apiVersion = 'apiserver.config.k8s.io/v1';
  writeFileSync(file, JSON.stringify({ apiVersion, kind: 'AdmissionConfiguration', plugins: [plugin] })); // JSON is YAML.
  return `--admission-control-config-file=${file}`;
}

/** By URL, and open when the host is away. */
function configuration(port: number, resource: string): object {
  return {
    name: `${resource}.opencontrail.org`,
    clientConfig: {
      url: `https://127.0.0.1:${port}/mutate/${resource}`,
      caBundle: Buffer.from(authority.cert).toString('base64'),
    },
    rules: [{ apiGroups: [''], apiVersions: ['v1'], resources: [resource], operations: ['CREATE'] }],
    admissionReviewVersions: ['v1'],
    sideEffects: 'None',
    failurePolicy: 'Ignore',
    timeoutSeconds: 10,
  };
}
