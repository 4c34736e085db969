/** A Deployment's pods are replaced, one after the other, under steady requests; none may fail. */
import { join } from 'node:path';
import type { LabHandle } from '../lab/handle.ts';
import { inUrl } from './outside.ts';
import type { Reporter } from './reporter.ts';

const NAMESPACE = 'services';
const NAME = 'rolled';
const PORT = 8080;
const RATE = 200;
const SECONDS = 40;

interface Load {
  readonly sent: number;
  readonly failed: number;
  readonly reasons: Readonly<Record<string, number>>;
}

/** Reports, for a ClusterIP and a node port, how many requests of a rolling update failed. */
export async function rollingUpdates({
  lab,
  report,
}: {
  readonly lab: LabHandle;
  readonly report: Reporter;
}): Promise<void> {
  await lab.apply([deployment(), service()]);
  await lab.kubectl(['rollout', 'status', `deployment/${NAME}`, '-n', NAMESPACE, '--timeout=120s']);
  const [node = ''] = lab.nodes;
  const [address, nodePort] = await Promise.all([field(lab, '.spec.clusterIP'), field(lab, '.spec.ports[0].nodePort')]);
  const loads = Promise.all([
    load(lab, node, `http://${inUrl(address)}:${PORT}/hostname`),
    load(lab, 'out', `http://${inUrl(lab.address(node))}:${nodePort}/hostname`),
  ]);
  await lab.kubectl(['rollout', 'restart', `deployment/${NAME}`, '-n', NAMESPACE]);
  await lab.kubectl(['rollout', 'status', `deployment/${NAME}`, '-n', NAMESPACE, '--timeout=120s']);
  const [inside, outside] = await loads;
  for (const [title, { sent, failed, reasons }] of [
    ['ClusterIP', inside],
    ['node port', outside],
  ] as const) {
    report.equal(
      `a rolling update under ${RATE}/s through the ${title} fails none of ${sent}`,
      { failed, reasons },
      { failed: 0, reasons: {} },
    );
  }
}

async function load(lab: LabHandle, machine: string, url: string): Promise<Load> {
  const program = join(import.meta.dirname, 'programs', 'requests.ts');
  const { stdout } = await lab.exec(machine, [
    process.execPath,
    '--no-warnings',
    program,
    url,
    `${RATE}`,
    `${SECONDS}`,
  ]);
  return JSON.parse(stdout) as Load;
}

async function field(lab: LabHandle, path: string): Promise<string> {
  return await lab.kubectl(['get', 'service', NAME, '-n', NAMESPACE, '-o', `jsonpath={${path}}`]);
}

function service(): object {
  const ports = [{ name: 'http', protocol: 'TCP', port: PORT }];
  const metadata = { namespace: NAMESPACE, name: NAME };
  return { apiVersion: 'v1', kind: 'Service', metadata, spec: { type: 'NodePort', selector: { app: NAME }, ports } };
}

/** Its pods go on serving for a while when told to end, as a well-behaved server does. */
function deployment(): object {
  const labels = { app: NAME };
  const container = {
    name: 'peer',
    image: 'docker.io/library/agnhost:lab',
    imagePullPolicy: 'Never',
    args: ['netexec', `--http-port=${PORT}`, '--delay-shutdown=8'],
    readinessProbe: { httpGet: { path: '/hostname', port: PORT }, periodSeconds: 1 },
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace: NAMESPACE, name: NAME },
    spec: {
      replicas: 4,
      selector: { matchLabels: labels },
      strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: { metadata: { labels }, spec: { terminationGracePeriodSeconds: 15, containers: [container] } },
    },
  };
}
