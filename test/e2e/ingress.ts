/** Ingresses as the outside sees them: hosts and paths, pods of an isolated namespace, certificates that are renewed. */
import { createAuthority, issueServing } from '../../certs/issue.ts';
import type { LabHandle } from '../lab/handle.ts';
import { contrailNames } from './contrail.ts';
import { dialPod, dialService } from './dial.ts';
import { inUrl, isOfPool, poolOf } from './outside.ts';
import type { Reporter } from './reporter.ts';

const NAMESPACE = 'ingress';
const CLASS = 'opencontrail.org/ingress';
const HOST = 'shop.example';
/** Of the outside's spare addresses. */
const POOL = { name: 'ingress', first: 220, last: 224 };

interface Context {
  readonly lab: LabHandle;
  readonly report: Reporter;
}

/** Run by `npm run e2e -- ingress`. */
export async function suite(lab: LabHandle, report: Reporter): Promise<void> {
  await lab.createNamespace(NAMESPACE, { annotations: { 'opencontrail.org/isolation': 'true' } });
  const pods = lab.nodes.slice(0, 2).map((node) => {
    return dialPod({ namespace: NAMESPACE, name: `on-${node}`, node, labels: { app: 'web' } });
  });
  await lab.apply([
    ...pods,
    dialService({ namespace: NAMESPACE, name: 'web' }, { app: 'web' }),
    dialService({ namespace: NAMESPACE, name: 'first' }, { peer: `on-${lab.nodes[0]}` }),
    ingress(),
  ]);
  await lab.podsReady(NAMESPACE);
  const context = { lab, report };
  await paths(context);
  await inContrail(context);
  await certificates(context);
  await balanced(context);
}

function ingress(): object {
  const paths = [
    { path: '/', pathType: 'Prefix', backend: to('web') },
    { path: '/hostname', pathType: 'Exact', backend: to('first') },
    { path: '/missing', pathType: 'Prefix', backend: to('gone') },
  ];
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { namespace: NAMESPACE, name: 'shop' },
    spec: {
      ingressClassName: 'opencontrail',
      rules: [{ host: HOST, http: { paths } }],
      tls: [{ hosts: [HOST], secretName: 'shop-tls' }],
    },
  };
}

function to(name: string): object {
  return { service: { name, port: { name: 'tcp' } } };
}

async function addressesOf(lab: LabHandle): Promise<readonly string[]> {
  const found = await lab.get<{
    readonly status: { readonly loadBalancer: { readonly ingress?: readonly { readonly ip: string }[] } };
  }>(['ingress', 'shop', '-n', NAMESPACE]);
  return (found?.status.loadBalancer.ingress ?? []).map(({ ip }) => ip);
}

/** A machine outside asks an address for a path of a host; the status code, and the body where it is 200. */
async function ask(lab: LabHandle, address: string, path: string, host = HOST): Promise<string> {
  const options = ['-s', '-m', '3', '-w', '\n%{http_code}', '-H', `Host: ${host}`];
  const { stdout } = await lab.exec('out', ['curl', '-g', ...options, `http://${inUrl(address)}${path}`]);
  const lines = stdout.split('\n');
  const code = lines.pop() ?? '';
  return code === '200' ? (lines[0] ?? '') : code;
}

async function paths({ lab, report }: Context): Promise<void> {
  const nodes = lab.nodes.slice(0, 2).map((node) => lab.address(node));
  await report.check('the status says the nodes of the proxies', () =>
    lab.waitFor('them', async () => JSON.stringify(await addressesOf(lab)) === JSON.stringify(nodes)),
  );
  for (const address of nodes) {
    await report.check(`${address}: the outside reaches the isolated pods of both nodes`, () =>
      lab.waitFor('both', async () => {
        const seen = new Set<string>();
        for (let each = 0; each < 8; each += 1) seen.add(await ask(lab, address, '/hostName'));
        return lab.nodes.slice(0, 2).every((node) => seen.has(`on-${node}`));
      }),
    );
    report.equal(`${address}: an exact path comes first`, await ask(lab, address, '/hostname'), `on-${lab.nodes[0]}`);
    report.equal(`${address}: another host is nobody's`, await ask(lab, address, '/hostname', 'b.example'), '404');
    report.equal(`${address}: a missing Service is answered 503`, await ask(lab, address, '/missing'), '503');
  }
  await report.check('an Event names the missing Service', () =>
    lab.waitFor('it', async () => {
      const fields = ['--field-selector', 'involvedObject.kind=Ingress', '-o', 'jsonpath={.items[*].message}'];
      return (await lab.kubectl(['get', 'events', '-n', NAMESPACE, ...fields])).includes(
        '"ingress/gone" does not exist',
      );
    }),
  );
}

/** What the config API says of it: two paths whose Services are there, each for HTTP and for TLS. */
async function inContrail({ lab, report }: Context): Promise<void> {
  const balancers = (await contrailNames(lab, 'loadbalancer')).filter((name) => name.includes(':shop__'));
  report.equal('it is a load balancer in Contrail', balancers.length, 1);
  const uid = balancers[0]?.split('__').at(-1) ?? '';
  const listeners = (await contrailNames(lab, 'loadbalancer-listener')).filter((name) => name.includes(uid));
  const schemes = listeners.map((name) => (name.includes('-TERMINATED_HTTPS-443-') ? 'https' : 'http')).sort();
  report.equal('with a listener for each path and scheme', schemes, ['http', 'http', 'https', 'https']);
}

async function certificates({ lab, report }: Context): Promise<void> {
  const authority = createAuthority('ingress suite', { now: Date.now(), days: 2 });
  for (const name of ['first.example', 'renewed.example']) {
    const { cert, key } = issueServing(authority, [name], { now: Date.now(), days: 1 });
    const stringData = { 'tls.crt': cert, 'tls.key': key };
    const metadata = { namespace: NAMESPACE, name: 'shop-tls' };
    await lab.apply([{ apiVersion: 'v1', kind: 'Secret', metadata, type: 'kubernetes.io/tls', stringData }]);
    await report.check(`the certificate of ${name} is shown`, () =>
      lab.waitFor('it', async () => (await shown(lab)).includes(`CN=${name}`)),
    );
  }
}

async function shown(lab: LabHandle): Promise<string> {
  const at = `${HOST}:443:${lab.address(lab.nodes[0] ?? '')}`;
  const args = ['-s', '-k', '-v', '-m', '3', '-o', '/dev/null', '--resolve', at, `https://${HOST}/hostname`];
  return (await lab.exec('out', ['curl', ...args])).stderr;
}

/** The proxies behind an address of a pool. */
async function balanced({ lab, report }: Context): Promise<void> {
  const service = (args: readonly string[]) =>
    lab.kubectl(['patch', 'service', 'proxy', '-n', 'opencontrail', ...args]);
  lab.onCleanup(() => lab.kubectl(['delete', 'floatingippool', 'ingress', '--ignore-not-found']));
  lab.onCleanup(() =>
    service([
      '--type=merge',
      '-p',
      '{"spec":{"type":"ClusterIP","externalTrafficPolicy":null,"loadBalancerClass":null}}',
    ]),
  );
  await lab.apply([poolOf(lab, POOL)]);
  const spec = { type: 'LoadBalancer', externalTrafficPolicy: 'Local', loadBalancerClass: CLASS };
  await service(['--type=merge', '-p', JSON.stringify({ spec })]);
  const address = await lab.waitFor('an address of the pool', async () => {
    const [first = '', ...others] = await addressesOf(lab);
    return others.length === 0 && isOfPool(lab, POOL, first) && first;
  });
  report.equal(`the status says an address of the pool instead: ${address}`, isOfPool(lab, POOL, address), true);
  await report.check('the outside is answered at it', () =>
    lab.waitFor('an answer', async () => (await ask(lab, address, '/hostname')) === `on-${lab.nodes[0]}`),
  );
}
