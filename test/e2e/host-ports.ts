/** hostPort and the bandwidth annotations, by the reference plugins that run after ours. */
import type { LabHandle } from '../lab/handle.ts';
import type { Reporter } from './reporter.ts';

const NAMESPACE = 'host-ports';
const TCP = 18_088;
const RATE = '8M';

/** Run by `npm run e2e -- host-ports`. */
export async function suite(lab: LabHandle, report: Reporter): Promise<void> {
  await lab.createNamespace(NAMESPACE);
  const [node = ''] = lab.nodes;
  await lab.apply([podOn(node)]);
  await lab.podsReady(NAMESPACE);
  for (const from of ['out', ...lab.nodes]) {
    await report.check(`${from} reaches the pod at port ${TCP} of ${node}`, async () => {
      await lab.waitFor('an answer', async () => (await ask(lab, from, node)) === 'ported', { timeoutMs: 20_000 });
    });
  }
  const tap = await tapOf(lab);
  const { stdout } = await lab.exec(node, ['tc', 'qdisc', 'show', 'dev', tap]);
  report.equal('what enters the pod is shaped', stdout.includes('tbf') && stdout.includes('rate 8Mbit'), true);
  report.equal('what leaves it too', stdout.includes('ingress'), true);
  await lab.kubectl(['delete', 'pod', '-n', NAMESPACE, 'ported', '--now']);
  await report.check('the port is closed when the pod is gone', () =>
    lab.waitFor('no answer', async () => (await ask(lab, 'out', node)) === '', { timeoutMs: 30_000 }),
  );
}

async function ask(lab: LabHandle, from: string, node: string): Promise<string> {
  return (await lab.exec(from, ['curl', '-s', '-m', '3', `http://${lab.address(node)}:${TCP}/hostname`])).stdout;
}

async function tapOf(lab: LabHandle): Promise<string> {
  const pod = await lab.get<{ readonly metadata: { readonly annotations: Readonly<Record<string, string>> } }>([
    'pod',
    'ported',
    '-n',
    NAMESPACE,
  ]);
  const ports = JSON.parse(pod?.metadata.annotations['opencontrail.org/ports'] ?? '{}') as {
    readonly interfaces?: readonly { readonly vmi: string }[];
  };
  return `tap${(ports.interfaces?.[0]?.vmi ?? '').replaceAll('-', '').slice(0, 11)}`;
}

function podOn(node: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      namespace: NAMESPACE,
      name: 'ported',
      annotations: { 'kubernetes.io/ingress-bandwidth': RATE, 'kubernetes.io/egress-bandwidth': RATE },
    },
    spec: {
      nodeName: node,
      terminationGracePeriodSeconds: 0,
      containers: [
        {
          name: 'peer',
          image: 'docker.io/library/agnhost:lab',
          imagePullPolicy: 'Never',
          args: ['netexec', '--http-port=8080'],
          ports: [{ containerPort: 8080, hostPort: TCP }],
          readinessProbe: { httpGet: { path: '/hostname', port: 8080 }, periodSeconds: 1 },
        },
      ],
    },
  };
}
