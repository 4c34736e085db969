/** The reference of the cold-start benchmark: a module of pepr that annotates pods, with what it needs of a cluster. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createAuthority, issueServing } from '../certs/issue.ts';
import type { TestApiServer } from '../test/kubernetes/apiserver.ts';

const PEPR = 'pepr@1.1.4';
const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'opencontrail-bench', PEPR);

/** Where the module listens, by TLS. */
export const PEPR_PORT = 19_447;

/** Installed into a cache of its own: the reference is no dependency of ours. Names of classes are kept, since pepr looks at them. */
export function bundlePepr(): string {
  const file = join(cache, 'module.cjs');
  if (existsSync(file)) return file;
  mkdirSync(cache, { recursive: true });
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', cache, PEPR]);
  const source = join(cache, 'module.ts');
  writeFileSync(source, PEPR_MODULE);
  const shape = ['--target=node', '--format=cjs', '--minify-whitespace', '--minify-syntax'];
  execFileSync('bun', ['build', source, ...shape, '--outfile', file], { stdio: 'ignore' });
  return file;
}

const PEPR_MODULE = `
import { a, Capability, PeprModule } from 'pepr';
const capability = new Capability({ name: 'bench', description: 'annotates pods', namespaces: [] });
capability.When(a.Pod).IsCreated().Mutate((pod) => pod.SetAnnotation('opencontrail.org/assignment', '{}'));
const pepr = { uuid: 'bench', onError: 'reject', webhookTimeout: 10, alwaysIgnore: { namespaces: [] } };
new PeprModule({ description: 'bench', pepr }, [capability], { deferStart: true }).start(${PEPR_PORT});
`;

/** The store that pepr keeps in the cluster, and will not answer without. */
export async function preparePepr(api: TestApiServer): Promise<void> {
  const names = { kind: 'PeprStore', plural: 'peprstores', singular: 'peprstore' };
  const schema = {
    openAPIV3Schema: {
      type: 'object',
      properties: { data: { type: 'object', additionalProperties: { type: 'string' } } },
    },
  };
  const versions = [{ name: 'v1', served: true, storage: true, schema }];
  const client = api.client();
  await client.post('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    metadata: { name: 'peprstores.pepr.dev' },
    spec: { group: 'pepr.dev', scope: 'Namespaced', names, versions },
  });
  await client.post('/api/v1/namespaces', { metadata: { name: 'pepr-system' } });
}

/** What the module takes from its environment; `folder` gets its certificate. */
export function peprEnvironment(folder: string, api: TestApiServer): Readonly<Record<string, string>> {
  const validity = { now: Date.now(), days: 1 };
  const { cert, key } = issueServing(createAuthority('bench', validity), ['localhost'], validity);
  const [SSL_CERT_PATH, SSL_KEY_PATH] = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
  writeFileSync(SSL_CERT_PATH, cert);
  writeFileSync(SSL_KEY_PATH, key);
  return {
    SSL_CERT_PATH,
    SSL_KEY_PATH,
    PEPR_API_PATH: 'pods',
    LOG_LEVEL: 'warn',
    KUBECONFIG: api.kubeconfig(),
    HOME: folder,
  };
}
