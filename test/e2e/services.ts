/** Services from pods, from nodes and from outside: policies, affinity, node ports, and what becomes of them when they change. */
import type { LabHandle } from '../lab/handle.ts';
import { dial, dialPod } from './dial.ts';
import { familyOf, fetched, hostOf, inUrl } from './outside.ts';
import type { Reporter } from './reporter.ts';
import { rollingUpdates } from './rolling.ts';

const NAMESPACE = 'services';
const HTTP = 8080;

interface Context {
  readonly lab: LabHandle;
  readonly report: Reporter;
}

/** Run by `npm run e2e -- services`. */
export async function suite(lab: LabHandle, report: Reporter): Promise<void> {
  const [near = '', far = ''] = lab.nodes;
  await lab.createNamespace(NAMESPACE);
  const labels = { app: 'web' };
  const pods = [
    dialPod({ namespace: NAMESPACE, name: 'near', node: near, labels }),
    dialPod({ namespace: NAMESPACE, name: 'far', node: far, labels }),
    dialPod({ namespace: NAMESPACE, name: 'client', node: near }),
  ];
  await lab.apply(pods);
  await lab.podsReady(NAMESPACE);
  const context = { lab, report };
  await clusterAddresses(context);
  await changes(context);
  await health(context);
  await nodePorts(context);
  await rollingUpdates(context);
}

interface ServiceOptions {
  readonly name: string;
  readonly selector?: Readonly<Record<string, string>> | null;
  readonly spec?: object;
  readonly annotations?: Readonly<Record<string, string>>;
}

function service({ name, selector = { app: 'web' }, spec = {}, annotations = {} }: ServiceOptions): object {
  const ports = [{ name: 'http', protocol: 'TCP', port: HTTP }];
  const selected = selector === null ? {} : { selector };
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: NAMESPACE, name, annotations },
    spec: { ports, ...selected, ...spec },
  };
}

async function field(lab: LabHandle, name: string, path: string): Promise<string> {
  return await lab.kubectl(['get', 'service', name, '-n', NAMESPACE, '-o', `jsonpath={${path}}`]);
}

/** Who answers the client pod at a Service, over several connections. */
async function answersTo(lab: LabHandle, name: string, times = 6): Promise<readonly string[]> {
  const address = await field(lab, name, '.spec.clusterIP');
  const seen = new Set<string>();
  for (let each = 0; each < times; each += 1) {
    seen.add(await dial({ namespace: NAMESPACE, name: 'client' }, address, lab));
  }
  return [...seen].sort();
}

/** Waits for answers, since a change takes a moment to be everywhere. */
async function expectAnswers({ lab, report }: Context, name: string, want: readonly string[]): Promise<void> {
  const wanted = JSON.stringify(want);
  await report.check(`${name}: answered by ${want.join(' and ') || 'nobody'}`, () =>
    lab.waitFor(`answers ${wanted}`, async () => {
      const seen = await answersTo(lab, name, want.length > 1 ? 16 : 5);
      if (JSON.stringify(seen) !== wanted) throw new Error(`answered by ${JSON.stringify(seen)}`);
      return true;
    }),
  );
}

async function clusterAddresses(context: Context): Promise<void> {
  const { lab } = context;
  const affinity = { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 600 } } };
  await lab.apply([
    service({ name: 'plain' }),
    service({ name: 'local', spec: { internalTrafficPolicy: 'Local' } }),
    service({ name: 'sticky', spec: affinity }),
    service({ name: 'nearest', spec: { trafficDistribution: 'PreferSameNode' } }),
  ]);
  await expectAnswers(context, 'plain', ['far', 'near']);
  await expectAnswers(context, 'local', ['near']);
  await expectAnswers(context, 'nearest', ['near']);
  await context.report.check('sticky: a client keeps its back end', async () => {
    await lab.waitFor('one back end', async () => (await answersTo(lab, 'sticky', 8)).length === 1);
  });
}

/** Services without selectors, and Services that become something else. */
async function changes(context: Context): Promise<void> {
  const { lab, report } = context;
  const nearAddress = await lab.kubectl(['get', 'pod', 'near', '-n', NAMESPACE, '-o', 'jsonpath={.status.podIP}']);
  const slice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { namespace: NAMESPACE, name: 'manual-1', labels: { 'kubernetes.io/service-name': 'manual' } },
    addressType: familyOf(lab),
    ports: [{ name: 'http', protocol: 'TCP', port: HTTP }],
    endpoints: [{ addresses: [nearAddress] }],
  };
  await lab.apply([service({ name: 'manual', selector: null }), slice]);
  await expectAnswers(context, 'manual', ['near']);

  await lab.apply([
    service({ name: 'moving', selector: null, spec: { type: 'ExternalName', externalName: 'example.org' } }),
  ]);
  await lab.apply([service({ name: 'moving', spec: { type: 'ClusterIP', externalName: null } })]);
  await expectAnswers(context, 'moving', ['far', 'near']);
  const before = await field(lab, 'moving', '.spec.clusterIP');
  await lab.kubectl(['delete', 'service', 'moving', '-n', NAMESPACE]);
  await report.check('moving: its address answers nobody when it is gone', async () => {
    const client = { namespace: NAMESPACE, name: 'client' };
    await lab.waitFor('silence', async () => (await dial(client, before, lab)) === '');
  });
}

/** Back ends are asked at another port; at their own they answer all the time. */
async function health(context: Context): Promise<void> {
  const { lab } = context;
  const shell = async (name: string, script: string) =>
    lab.execInPod({ namespace: NAMESPACE, name, container: 'shell' }, ['sh', '-c', script]);
  for (const name of ['near', 'far']) await shell(name, 'touch /tmp/healthz && httpd -p 8081 -h /tmp');
  const check = { type: 'HTTP', port: 8081, path: '/healthz', delay: 1, timeout: 1, retries: 2 };
  await lab.apply([
    service({ name: 'asked', annotations: { 'opencontrail.org/health-check': JSON.stringify(check) } }),
  ]);
  await expectAnswers(context, 'asked', ['far', 'near']);
  await shell('far', 'rm /tmp/healthz');
  await expectAnswers(context, 'asked', ['near']);
  await shell('near', 'rm /tmp/healthz');
  await expectAnswers(context, 'asked', ['']);
  await shell('far', 'touch /tmp/healthz');
  await expectAnswers(context, 'asked', ['far']);
}

async function nodePorts(context: Context): Promise<void> {
  const { lab, report } = context;
  await lab.apply([
    service({ name: 'open', spec: { type: 'NodePort' } }),
    service({
      name: 'balanced',
      spec: { type: 'LoadBalancer', externalTrafficPolicy: 'Local', loadBalancerClass: 'example.org/none' },
      selector: { peer: 'far' },
    }),
  ]);
  const [near = '', far = ''] = lab.nodes.map((node) => lab.address(node));
  const open = await field(lab, 'open', '.spec.ports[0].nodePort');
  for (const [title, address] of [
    ['the first node', near],
    ['the second node', far],
  ] as const) {
    await report.check(`open: the outside is answered at ${title} by both`, () =>
      lab.waitFor('both pods', async () => {
        const seen = new Set<string>();
        for (let each = 0; each < 16; each += 1)
          seen.add(await fetched(lab, `http://${inUrl(address)}:${open}/hostname`));
        return seen.has('near') && seen.has('far') && seen.size === 2;
      }),
    );
  }
  await localPorts(context, { near, far });
  report.equal(
    'open: not at the loopback address',
    (await lab.exec(lab.nodes[0] ?? '', ['curl', '-s', '-m', '2', `http://127.0.0.1:${open}/hostname`])).stdout,
    '',
  );
}

async function localPorts(
  { lab, report }: Context,
  { near, far }: { readonly near: string; readonly far: string },
): Promise<void> {
  const port = await field(lab, 'balanced', '.spec.ports[0].nodePort');
  const health = await field(lab, 'balanced', '.spec.healthCheckNodePort');
  const status = async (address: string): Promise<string> =>
    (
      await lab.exec('out', [
        'curl',
        '-g',
        '-s',
        '-m',
        '3',
        '-o',
        '/dev/null',
        '-w',
        '%{http_code}',
        `http://${inUrl(address)}:${health}/`,
      ])
    ).stdout;
  await report.check('balanced: the health-check port is answered by count', () =>
    lab.waitFor('200 and 503', async () => (await status(far)) === '200' && (await status(near)) === '503'),
  );
  const client = await fetched(lab, `http://${inUrl(far)}:${port}/clientip`);
  report.equal('balanced: Local keeps the client’s address', hostOf(client), lab.address('out'));
  report.equal(
    'balanced: Local is not answered where there is no back end',
    await fetched(lab, `http://${inUrl(near)}:${port}/`),
    '',
  );
}
