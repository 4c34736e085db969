/** What pods of isolated apps and of networks of users' own reach (design 1), by packets. */
import type { LabHandle } from '../lab/handle.ts';
import { addressOf, dialPod, dialService, expectDial } from './dial.ts';
import { suite as probes } from './probes.ts';
import type { Reporter } from './reporter.ts';

const APPS = 'modes-apps';
const CUSTOM = 'modes-custom';
const PLAIN = 'modes-plain';
const APP = 'opencontrail.org/name';
const NETWORK = 'opencontrail.org/network';

/** Who asks whom, and who answers there; `undefined`: nobody may. */
interface Row {
  readonly from: readonly [namespace: string, pod: string];
  readonly to: readonly [kind: 'pod' | 'service', namespace: string, name: string];
  readonly want: string | undefined;
}

const row = (from: Row['from'], to: Row['to'], want?: string): Row => ({ from, to, want });

/** Two apps on two nodes, web lists db's services; a pod without an app; two pods of one custom network, one of another. */
const ROWS: readonly Row[] = [
  row([APPS, 'web'], ['pod', APPS, 'web-far'], 'web-far'),
  row([APPS, 'web'], ['pod', APPS, 'db']),
  row([APPS, 'web'], ['service', APPS, 'web'], 'web-far'),
  row([APPS, 'web'], ['service', APPS, 'db'], 'db'),
  row([APPS, 'web'], ['service', APPS, 'cache']),
  row([APPS, 'web'], ['service', APPS, 'loose']),
  row([APPS, 'web'], ['service', PLAIN, 'plain']),
  row([APPS, 'web'], ['pod', PLAIN, 'plain']),
  row([APPS, 'db'], ['service', APPS, 'web']),
  row([APPS, 'db'], ['pod', APPS, 'web']),
  row([APPS, 'db'], ['service', APPS, 'db'], 'db'),
  row([APPS, 'cache'], ['service', APPS, 'db'], 'db'),
  row([APPS, 'loose'], ['service', APPS, 'loose'], 'loose'),
  row([APPS, 'loose'], ['service', APPS, 'db']),
  row([APPS, 'loose'], ['pod', APPS, 'db']),
  row([APPS, 'loose'], ['service', PLAIN, 'plain'], 'plain'),
  row([PLAIN, 'plain'], ['service', APPS, 'web']),
  row([PLAIN, 'plain'], ['pod', APPS, 'web']),
  row([CUSTOM, 'blue'], ['pod', CUSTOM, 'blue-far'], 'blue-far'),
  row([CUSTOM, 'blue'], ['pod', PLAIN, 'plain']),
  row([CUSTOM, 'blue'], ['service', PLAIN, 'plain'], 'plain'),
  row([CUSTOM, 'red'], ['service', PLAIN, 'plain']),
  row([PLAIN, 'plain'], ['pod', CUSTOM, 'blue']),
  row([PLAIN, 'plain'], ['pod', CUSTOM, 'red']),
];

/** Run by `npm run e2e -- modes`. */
export async function suite(lab: LabHandle, report: Reporter): Promise<void> {
  await probes(lab, report);
  await setUp(lab);
  for (const { from, to, want } of ROWS) {
    const [namespace, name] = from;
    const address = await addressOf(to[0], to[1], to[2], lab);
    await expectDial({ namespace, name }, { what: to.join(' '), address, want }, { lab, report });
  }
  for (const [namespace, name] of [
    [APPS, 'web'],
    [APPS, 'loose'],
    [CUSTOM, 'blue'],
  ] as const) {
    await report.check(`${namespace}/${name} resolves a name`, async () => {
      const shell = { namespace, name, container: 'shell' };
      const { stdout } = await lab.execInPod(shell, ['nslookup', 'kubernetes.default.svc.cluster.local']);
      if (!stdout.includes('10.96.0.1')) throw new Error(stdout);
    });
  }
  const shell = { namespace: CUSTOM, name: 'red', container: 'shell' };
  const { stdout } = await lab.execInPod(shell, ['nslookup', 'kubernetes.default.svc.cluster.local']);
  report.equal('without service access no name is resolved', stdout.includes('10.96.0.1'), false);
}

async function setUp(lab: LabHandle): Promise<void> {
  await lab.createNamespace(APPS, { annotations: { 'opencontrail.org/isolation': 'app' } });
  await lab.createNamespace(CUSTOM);
  await lab.createNamespace(PLAIN);
  const [near = '', far = near] = lab.nodes;
  const app = (name: string, of: string, node: string, annotations: Record<string, string> = {}) =>
    dialPod({ namespace: APPS, name, node, labels: { [APP]: of }, annotations });
  const custom = (name: string, network: string, node: string) =>
    dialPod({ namespace: CUSTOM, name, node, annotations: { [NETWORK]: network } });
  await lab.apply([
    app('web', 'web', near, { 'opencontrail.org/services': '["db"]' }),
    app('web-far', 'web', far),
    app('db', 'db', far),
    app('cache', 'cache', near, { 'opencontrail.org/services': 'db' }),
    dialPod({ namespace: APPS, name: 'loose', node: near }),
    dialPod({ namespace: PLAIN, name: 'plain', node: far }),
    dialService({ namespace: APPS, name: 'web' }, { peer: 'web-far', [APP]: 'web' }),
    dialService({ namespace: APPS, name: 'db' }, { [APP]: 'db' }),
    dialService({ namespace: APPS, name: 'cache', labels: { [APP]: 'cache' } }, { peer: 'cache' }),
    dialService({ namespace: APPS, name: 'loose' }, { peer: 'loose' }),
    dialService({ namespace: PLAIN, name: 'plain' }, { peer: 'plain' }),
    virtualNetwork('blue', {}),
    virtualNetwork('red', { serviceAccess: false }),
    custom('blue', 'blue', near),
    custom('blue-far', `{'domain': 'default-domain', 'project': 'k8s-${CUSTOM}', 'name': 'blue'}`, far),
    custom('red', 'red', near),
  ]);
  for (const namespace of [APPS, CUSTOM, PLAIN]) await lab.podsReady(namespace);
}

/** The two have the same addresses. */
function virtualNetwork(name: string, spec: object): object {
  return {
    apiVersion: 'opencontrail.org/v1alpha1',
    kind: 'VirtualNetwork',
    metadata: { namespace: CUSTOM, name },
    spec: { subnets: [{ cidr: '10.45.0.0/24' }], ...spec },
  };
}
