/** Certificates in the Secrets and configurations of a real API server, by several replicas at once. */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { runCommand } from '../../certs/command.ts';
import { type CertificateDeps, ensureCertificates } from '../../certs/ensure.ts';
import { createAuthority, issueServing } from '../../certs/issue.ts';
import { certificatesIn, isMatchingPair, isSignedBy } from '../../certs/pem.ts';
import { readSecret, type StoredSecret } from '../../certs/secrets.ts';
import { certificateSettings } from '../../certs/settings.ts';
import { createLogger } from '../../runtime/log.ts';
import { hasApiServer, startApiServer, type TestApiServer } from '../kubernetes/apiserver.ts';
import { checkout } from '../lab/paths.ts';
import { bundlesOf } from '../webhooks/installation.ts';

/** Machines that test are busy: a bound on hanging, not an expectation. */
jest.setTimeout(120_000);

const DAY = 86_400_000;
const CONFIGURATION = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations';
const described = hasApiServer ? describe : describe.skip;
let server: TestApiServer;
let namespace: string;
let count = 0;

function settings() {
  return certificateSettings({
    namespace,
    webhooksService: 'webhooks',
    configApiService: 'config-api',
    configuration: namespace,
    san: '',
    authorityDays: 900,
    leafDays: 90,
  });
}

/** What a pass needs, `days` from now. */
function deps(days = 0): CertificateDeps {
  return { client: server.client(), log: createLogger('test', 'silent'), now: () => Date.now() + days * DAY };
}

async function secret(name: string): Promise<StoredSecret> {
  const stored = await readSecret(server.client(), namespace, name);
  if (stored === undefined) throw new Error(`${name} is absent`);
  return stored;
}

function webhook(name: string) {
  const clientConfig = { service: { namespace, name: 'webhooks' } };
  return {
    name,
    admissionReviewVersions: ['v1'],
    sideEffects: 'None',
    failurePolicy: 'Ignore',
    rules: [],
    clientConfig,
  };
}

async function configure(): Promise<void> {
  for (const kind of ['Validating', 'Mutating']) {
    await server.client().post(`/apis/admissionregistration.k8s.io/v1/${kind.toLowerCase()}webhookconfigurations`, {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: `${kind}WebhookConfiguration`,
      metadata: { name: namespace },
      webhooks: [webhook('a.example.org'), webhook('b.example.org')],
    });
  }
}

async function publishedBundles(): Promise<readonly string[]> {
  const configuration = await server.client().get(`${CONFIGURATION}/${namespace}`);
  return bundlesOf(configuration).map((text) => Buffer.from(text, 'base64').toString());
}

described('in a cluster', () => {
  beforeAll(async () => {
    server = await startApiServer();
  }, 90_000);
  afterAll(async () => await server?.stop());
  beforeEach(async () => {
    count += 1;
    namespace = `certs-${count}`;
    await server
      .client()
      .post('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  });

  test('five replicas that start at once agree on one authority and one certificate each', async () => {
    await configure();
    const passes = await Promise.all(Array.from({ length: 5 }, () => ensureCertificates(settings(), deps())));
    const authority = await secret('opencontrail-ca');
    for (const name of ['opencontrail-webhooks-tls', 'opencontrail-config-api-tls']) {
      const leaf = await secret(name);
      expect(new Set(passes.map(({ leaves }) => leaves.get(name)?.cert))).toEqual(new Set([leaf.texts['tls.crt']]));
      expect(isSignedBy(leaf.texts['tls.crt'] ?? '', authority.texts['tls.crt'] ?? '')).toBe(true);
      expect(isMatchingPair({ cert: leaf.texts['tls.crt'] ?? '', key: leaf.texts['tls.key'] ?? '' })).toBe(true);
      expect(leaf.texts['ca.crt']).toBe(authority.texts['ca.crt']);
    }
    expect(new Set(await publishedBundles())).toEqual(new Set([authority.texts['ca.crt']]));
    expect(new Set(passes.map(({ publication }) => publication))).toEqual(new Set(['published']));
  });

  test('a second pass changes nothing', async () => {
    await configure();
    await ensureCertificates(settings(), deps());
    const before = await Promise.all(['opencontrail-ca', 'opencontrail-webhooks-tls'].map(secret));
    await ensureCertificates(settings(), deps());
    expect(await Promise.all(['opencontrail-ca', 'opencontrail-webhooks-tls'].map(secret))).toEqual(before);
  });

  test('a new authority is published beside the old one before it signs', async () => {
    await configure();
    await ensureCertificates(settings(), deps());
    const old = await secret('opencontrail-ca');
    await ensureCertificates(settings(), deps(601));
    const introduced = await secret('opencontrail-ca');
    const next = introduced.texts['next.crt'] ?? '';
    expect(introduced.texts['tls.crt']).toBe(old.texts['tls.crt']);
    for (const bundle of await publishedBundles()) expect(certificatesIn(bundle)).toEqual([old.texts['tls.crt'], next]);
    expect(
      isSignedBy((await secret('opencontrail-webhooks-tls')).texts['tls.crt'] ?? '', old.texts['tls.crt'] ?? ''),
    ).toBe(true);
    await ensureCertificates(settings(), deps(602));
    expect((await secret('opencontrail-ca')).texts['tls.crt']).toBe(next);
    expect(isSignedBy((await secret('opencontrail-webhooks-tls')).texts['tls.crt'] ?? '', next)).toBe(true);
    for (const bundle of await publishedBundles()) expect(certificatesIn(bundle)).toEqual([next, old.texts['tls.crt']]);
  });

  test('a certificate by hand is used, never written, and its own CA is published', async () => {
    await configure();
    const mine = createAuthority('mine', { now: Date.now(), days: 30 });
    const pair = issueServing(mine, [`webhooks.${namespace}.svc`], { now: Date.now(), days: 1 });
    const data = Object.entries({ 'tls.crt': pair.cert, 'tls.key': pair.key, 'ca.crt': mine.cert }).map(
      ([key, text]) => [key, Buffer.from(text).toString('base64')],
    );
    await server.client().post(`/api/v1/namespaces/${namespace}/secrets`, {
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'kubernetes.io/tls',
      metadata: { name: 'opencontrail-webhooks-tls' },
      data: Object.fromEntries(data) as object,
    });
    const before = await secret('opencontrail-webhooks-tls');
    const pass = await ensureCertificates(settings(), deps(60));
    expect(await secret('opencontrail-webhooks-tls')).toEqual(before);
    expect(pass.leaves.get('opencontrail-webhooks-tls')?.cert).toBe(pair.cert);
    expect(new Set(await publishedBundles())).toEqual(new Set([mine.cert]));
    expect((await secret('opencontrail-config-api-tls')).isOurs).toBe(true);
  });

  test('a certificate by hand without a CA leaves the configurations to whoever keeps them', async () => {
    await configure();
    const pair = issueServing(createAuthority('mine', { now: Date.now(), days: 30 }), ['x'], {
      now: Date.now(),
      days: 1,
    });
    const data = {
      'tls.crt': Buffer.from(pair.cert).toString('base64'),
      'tls.key': Buffer.from(pair.key).toString('base64'),
    };
    await server.client().post(`/api/v1/namespaces/${namespace}/secrets`, {
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'kubernetes.io/tls',
      metadata: { name: 'opencontrail-webhooks-tls' },
      data,
    });
    expect((await ensureCertificates(settings(), deps())).publication).toBe('none');
    expect(await publishedBundles()).toEqual(['', '']);
  });

  test('without a configuration there is nothing to publish in, and the certificates are made all the same', async () => {
    const pass = await ensureCertificates(settings(), deps());
    expect([pass.publication, pass.leaves.size]).toEqual(['absent', 2]);
  });

  test('the command ensures, shows and rotates, and says what is wrong', async () => {
    const run = (...args: string[]): string =>
      execFileSync(
        process.execPath,
        [
          'certs/main.ts',
          ...args,
          `--kubeconfig=${server.kubeconfig()}`,
          `--namespace=${namespace}`,
          '--configuration=',
        ],
        {
          cwd: checkout,
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'pipe'],
        },
      );
    expect(run('show')).toContain(`${namespace}/opencontrail-ca: no certificate`);
    expect(run('ensure')).toMatch(
      /opencontrail-config-api-tls: until .*, trusts 1, kept by opencontrail\n {2}for config-api\.certs-\d+\.svc,/,
    );
    const before = await secret('opencontrail-webhooks-tls');
    run('rotate');
    const after = await secret('opencontrail-webhooks-tls');
    expect(after.texts['tls.crt']).not.toBe(before.texts['tls.crt']);
    expect(after.texts['ca.crt']).toBe(before.texts['ca.crt']);
    expect(() => run('destroy')).toThrow(/there is no command "destroy": use ensure, rotate or show/);
    await expect(runCommand('destroy', settings(), deps())).rejects.toThrow();
  });
});
