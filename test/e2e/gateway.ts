/** Gateways as the outside sees them: addresses of a pool, HTTP, HTTPS, TLS and TCP, pods of an isolated namespace, a rollout. */
import { join } from 'node:path';
import { createAuthority, issueServing } from '../../certs/issue.ts';
import type { LabHandle } from '../lab/handle.ts';
import { dialPod, dialService } from './dial.ts';
import { inUrl, isOfPool, poolOf } from './outside.ts';
import type { Reporter } from './reporter.ts';

const NAMESPACE = 'gateway';
const OTHER = 'gateway-other';
const API = 'gateway.networking.k8s.io/v1';
const HOST = 'shop.example';
/** Of the outside's spare addresses. */
const POOL = { name: 'gateway', first: 225, last: 229 };
const RATE = 100;
const SECONDS = 15;

interface Context {
  readonly lab: LabHandle;
  readonly report: Reporter;
  /** The Gateway's. */
  readonly address: string;
}

/** Run by `npm run e2e -- gateway`. */
export async function suite(lab: LabHandle, report: Reporter): Promise<void> {
  await lab.createNamespace(NAMESPACE, { annotations: { 'opencontrail.org/isolation': 'true' } });
  await lab.createNamespace(OTHER);
  lab.onCleanup(() => lab.kubectl(['delete', 'floatingippool', 'gateway', '--ignore-not-found']));
  // For the Gateway's own namespace, not for the one that the proxies run in.
  const pool = poolOf(lab, POOL, { namespaces: [NAMESPACE] });
  await lab.apply([pool, certificate(), gateway(), deployment(), ...pods(lab), ...routes()]);
  await lab.podsReady(NAMESPACE);
  const address = await lab.waitFor('the Gateway to be programmed', async () => await programmed(lab));
  report.equal(`its address is one of the pool: ${address}`, isOfPool(lab, POOL, address), true);
  const context = { lab, report, address };
  await requests(context);
  await statuses(context);
  await grants(context);
  await rollout(context);
  await gone(context);
}

function certificate(): object {
  const authority = createAuthority('gateway suite', { now: Date.now(), days: 2 });
  const { cert, key } = issueServing(authority, [HOST], { now: Date.now(), days: 1 });
  const stringData = { 'tls.crt': cert, 'tls.key': key };
  const metadata = { namespace: NAMESPACE, name: 'shop-tls' };
  return { apiVersion: 'v1', kind: 'Secret', metadata, type: 'kubernetes.io/tls', stringData };
}

function gateway(): object {
  const allowedRoutes = { namespaces: { from: 'All' } };
  const tls = { certificateRefs: [{ name: 'shop-tls' }] };
  const listeners = [
    { name: 'http', port: 80, protocol: 'HTTP', allowedRoutes },
    { name: 'https', port: 443, protocol: 'HTTPS', tls, hostname: HOST },
    { name: 'tls', port: 443, protocol: 'TLS', tls: { mode: 'Passthrough' }, hostname: '*.tls.example' },
    { name: 'tcp', port: 9000, protocol: 'TCP' },
  ];
  return object('Gateway', 'web', { gatewayClassName: 'opencontrail', listeners });
}

function pods(lab: LabHandle): readonly object[] {
  const [first = '', second = first] = lab.nodes;
  const labels = { app: 'web' };
  return [
    dialPod({ namespace: NAMESPACE, name: 'one', node: first, labels }),
    dialPod({ namespace: NAMESPACE, name: 'two', node: second, labels }),
    tlsPod(),
    dialService({ namespace: NAMESPACE, name: 'web' }, labels),
    dialService({ namespace: NAMESPACE, name: 'one' }, { peer: 'one' }),
    dialService({ namespace: NAMESPACE, name: 'two' }, { peer: 'two' }),
    dialService({ namespace: NAMESPACE, name: 'tls' }, { app: 'tls' }),
    dialService({ namespace: NAMESPACE, name: 'rolled' }, { app: 'rolled' }),
  ];
}

/** It ends TLS itself. */
function tlsPod(): object {
  const files = ['--tls-cert-file=/tls/tls.crt', '--tls-private-key-file=/tls/tls.key'];
  const container = {
    name: 'tls',
    image: 'docker.io/library/agnhost:lab',
    imagePullPolicy: 'Never',
    args: ['netexec', '--http-port=8080', ...files],
    volumeMounts: [{ name: 'tls', mountPath: '/tls' }],
  };
  const volumes = [{ name: 'tls', secret: { secretName: 'shop-tls' } }];
  const metadata = { namespace: NAMESPACE, name: 'tls', labels: { app: 'tls' } };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata,
    spec: { terminationGracePeriodSeconds: 0, containers: [container], volumes },
  };
}

const backend = (name: string, weight = 1) => ({ name, port: 8080, weight });

const parent = (sectionName: string) => ({ parentRefs: [{ name: 'web', sectionName }] });

const path = (value: string) => [{ path: { type: 'PathPrefix', value } }];

function routes(): readonly object[] {
  const redirect = { type: 'RequestRedirect', requestRedirect: { scheme: 'https', statusCode: 301 } };
  const rules = [
    { matches: path('/'), backendRefs: [backend('web')] },
    { matches: [{ path: { type: 'Exact', value: '/hostname' } }], backendRefs: [backend('one')] },
    { matches: [{ headers: [{ name: 'x-to', value: 'two' }] }], backendRefs: [backend('two')] },
    { matches: path('/secure'), filters: [redirect] },
    { matches: path('/gone'), backendRefs: [backend('gone')] },
  ];
  return [
    object('HTTPRoute', 'shop', { parentRefs: [{ name: 'web' }], hostnames: [HOST], rules }),
    object('HTTPRoute', 'rolled', {
      ...parent('http'),
      hostnames: ['rolled.example'],
      rules: [{ backendRefs: [backend('rolled')] }],
    }),
    object('TLSRoute', 'tls', {
      ...parent('tls'),
      hostnames: ['a.tls.example'],
      rules: [{ backendRefs: [backend('tls')] }],
    }),
    object('TCPRoute', 'tcp', { ...parent('tcp'), rules: [{ backendRefs: [backend('two')] }] }),
  ];
}

function object(kind: string, name: string, spec: object, namespace = NAMESPACE): object {
  return { apiVersion: API, kind, metadata: { namespace, name }, spec };
}

interface Conditions {
  readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string }[];
}

function reasonOf({ conditions = [] }: Conditions, type: string): string {
  return conditions.find((each) => each.type === type)?.reason ?? 'unknown';
}

async function gatewayOf(lab: LabHandle) {
  type Status = Conditions & {
    readonly addresses?: readonly { readonly value: string }[];
    readonly listeners?: readonly (Conditions & { readonly name: string; readonly attachedRoutes: number })[];
  };
  return (await lab.get<{ readonly status: Status }>(['gateway', 'web', '-n', NAMESPACE]))?.status ?? {};
}

async function programmed(lab: LabHandle): Promise<string | false> {
  const status = await gatewayOf(lab);
  return reasonOf(status, 'Programmed') === 'Programmed' && (status.addresses?.[0]?.value ?? false);
}

/** A machine outside asks: the status code, and the body where it is 200. */
async function ask({ lab, address }: Context, url: string, options: readonly string[] = []): Promise<string> {
  const { host } = new URL(url);
  const [name = '', port = url.startsWith('https') ? '443' : '80'] = host.split(':');
  const args = [
    '-s',
    '-k',
    '-m',
    '3',
    '-w',
    '\n%{http_code} %{redirect_url}',
    '--resolve',
    `${name}:${port}:${inUrl(address)}`,
  ];
  const { stdout } = await lab.exec('out', ['curl', ...args, ...options, url]);
  const lines = stdout.split('\n');
  const code = (lines.pop() ?? '').trim();
  return code === '200' ? (lines[0] ?? '') : code;
}

async function requests(context: Context): Promise<void> {
  const { lab, report } = context;
  await report.check('the outside reaches the isolated pods of both nodes', () =>
    lab.waitFor('both', async () => {
      const seen = new Set<string>();
      for (let each = 0; each < 8; each += 1) seen.add(await ask(context, `http://${HOST}/hostName`));
      return seen.has('one') && seen.has('two');
    }),
  );
  report.equal('an exact path comes first', await ask(context, `http://${HOST}/hostname`), 'one');
  report.equal('a header decides', await ask(context, `http://${HOST}/hostName`, ['-H', 'x-to: two']), 'two');
  report.equal('a redirect', await ask(context, `http://${HOST}/secure`), `301 https://${HOST}/secure`);
  report.equal('a Service that is not there', await ask(context, `http://${HOST}/gone`), '500');
  report.equal('a host of nobody’s', await ask(context, 'http://other.example/hostname'), '404');
  report.equal('HTTPS', await ask(context, `https://${HOST}/hostname`), 'one');
  report.equal('TCP', await ask(context, 'http://tcp.example:9000/hostname'), 'two');
  await report.check('TLS is passed through', () =>
    lab.waitFor('it', async () => (await ask(context, 'https://a.tls.example/hostname')) === 'tls'),
  );
}

async function statuses({ lab, report }: Context): Promise<void> {
  const { listeners = [] } = await gatewayOf(lab);
  const attached = Object.fromEntries(listeners.map((listener) => [listener.name, listener.attachedRoutes]));
  report.equal('listeners count their routes', attached, { http: 2, https: 1, tls: 1, tcp: 1 });
  report.equal('a missing Service is told', await resolved(lab, 'shop', NAMESPACE), 'BackendNotFound');
}

async function resolved(lab: LabHandle, name: string, namespace: string): Promise<string> {
  type Route = { readonly status?: { readonly parents?: readonly Conditions[] } };
  const route = await lab.get<Route>(['httproute', name, '-n', namespace]);
  return reasonOf(route?.status?.parents?.[0] ?? {}, 'ResolvedRefs');
}

/** A route of another namespace, first without a grant for its back end, then with one. */
async function grants(context: Context): Promise<void> {
  const { lab, report } = context;
  const backendRefs = [{ name: 'one', namespace: NAMESPACE, port: 8080 }];
  const spec = {
    parentRefs: [{ name: 'web', namespace: NAMESPACE }],
    hostnames: ['far.example'],
    rules: [{ backendRefs }],
  };
  await lab.apply([object('HTTPRoute', 'far', spec, OTHER)]);
  await report.check('a back end of another namespace needs a grant', () =>
    lab.waitFor('it', async () => (await resolved(lab, 'far', OTHER)) === 'RefNotPermitted'),
  );
  report.equal('without one requests are refused', await ask(context, 'http://far.example/hostname'), '500');
  const grant = {
    from: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: OTHER }],
    to: [{ group: '', kind: 'Service' }],
  };
  const metadata = { namespace: NAMESPACE, name: 'far' };
  await lab.apply([{ apiVersion: 'gateway.networking.k8s.io/v1beta1', kind: 'ReferenceGrant', metadata, spec: grant }]);
  await report.check('with a grant it is served', () =>
    lab.waitFor('it', async () => (await ask(context, 'http://far.example/hostname')) === 'one'),
  );
}

function deployment(): object {
  const labels = { app: 'rolled' };
  const container = {
    name: 'peer',
    image: 'docker.io/library/agnhost:lab',
    imagePullPolicy: 'Never',
    args: ['netexec', '--http-port=8080', '--delay-shutdown=5'],
    readinessProbe: { httpGet: { path: '/hostname', port: 8080 }, periodSeconds: 1 },
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace: NAMESPACE, name: 'rolled' },
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: { metadata: { labels }, spec: { terminationGracePeriodSeconds: 15, containers: [container] } },
    },
  };
}

/** Pods are replaced, and routes change, under steady requests. */
async function rollout({ lab, report, address }: Context): Promise<void> {
  const program = join(import.meta.dirname, 'programs', 'requests.ts');
  const args = [
    process.execPath,
    '--no-warnings',
    program,
    `http://${inUrl(address)}/hostname`,
    `${RATE}`,
    `${SECONDS}`,
  ];
  const under = lab.exec('out', [...args, 'rolled.example']);
  await lab.kubectl(['rollout', 'restart', 'deployment/rolled', '-n', NAMESPACE]);
  await lab.kubectl(['rollout', 'status', 'deployment/rolled', '-n', NAMESPACE, '--timeout=60s']);
  await lab.kubectl(['delete', 'httproute', 'far', '-n', OTHER]);
  const { sent, failed, reasons } = JSON.parse((await under).stdout) as {
    sent: number;
    failed: number;
    reasons: object;
  };
  report.equal(
    `a rolling update under ${RATE}/s fails none of ${sent}`,
    { failed, reasons },
    { failed: 0, reasons: {} },
  );
}

async function gone({ lab, report }: Context): Promise<void> {
  await lab.kubectl(['delete', 'gateway', 'web', '-n', NAMESPACE]);
  const services = ['get', 'services', '-n', 'opencontrail', '-l', 'opencontrail.org/gateway-uid', '-o', 'name'];
  await report.check('with the Gateway its Service goes', () =>
    lab.waitFor('it', async () => (await lab.kubectl(services)) === ''),
  );
}
