/** Pods are replaced, one after the other, under steady requests, a Deployment's and the nodes' vRouters; no request may fail. */
import { join } from 'node:path';
import type { LabHandle } from '../lab/handle.ts';
import { inUrl, poolOf } from './outside.ts';
import type { Reporter } from './reporter.ts';

const NAMESPACE = 'services';
const NAME = 'rolled';
const PORT = 8080;
const RATE = 200;
const SECONDS = 40;

/** Of the outside's spare addresses. */
const POOL = { name: 'rolling', first: 240, last: 241 };
const HOST = 'rolled.example';

interface Load {
  readonly sent: number;
  readonly failed: number;
  readonly reasons: Readonly<Record<string, number>>;
}

/** A way to the pods: from where, by which URL, and as a request for which host. */
interface Way {
  readonly title: string;
  readonly from: string;
  readonly url: string;
  readonly host?: string;
}

/** Reports, for each way by which a Service is reached, how many requests failed during each rolling update. */
export async function rollingUpdates({
  lab,
  report,
}: {
  readonly lab: LabHandle;
  readonly report: Reporter;
}): Promise<void> {
  lab.onCleanup(() => lab.kubectl(['delete', 'floatingippool', POOL.name, '--ignore-not-found']));
  await lab.apply([poolOf(lab, POOL), deployment(), service(), ingress()]);
  await lab.kubectl(['rollout', 'status', `deployment/${NAME}`, '-n', NAMESPACE, '--timeout=120s']);
  const ways = await waysOf(lab);
  for (const { title, from, url, host } of ways) {
    const asHost = host === undefined ? [] : ['-H', `Host: ${host}`];
    await lab.waitFor(`an answer by the ${title}`, async () => {
      const { stdout } = await lab.exec(from, ['curl', '-g', '-s', '-m', '2', '-w', '%{http_code}', ...asHost, url]);
      return stdout.endsWith('200');
    });
  }
  const updated = {
    deployment: [`deployment/${NAME}`, NAMESPACE],
    vRouters: ['daemonset/node', 'opencontrail'],
  } as const;
  for (const [what, [object, namespace]] of Object.entries(updated)) {
    const loads = Promise.all(ways.map(async (way) => ({ ...way, ...(await load(lab, way)) })));
    await lab.kubectl(['rollout', 'restart', object, '-n', namespace]);
    await lab.kubectl(['rollout', 'status', object, '-n', namespace, '--timeout=120s']);
    for (const { title, sent, failed, reasons } of await loads) {
      report.equal(
        `a rolling update of the ${what} under ${RATE}/s through the ${title} fails none of ${sent}`,
        { failed, reasons },
        { failed: 0, reasons: {} },
      );
    }
  }
}

/** A pod's way is a node's here: both are translated alike. */
async function waysOf(lab: LabHandle): Promise<readonly Way[]> {
  const [node = ''] = lab.nodes;
  const machine = inUrl(lab.address(node));
  const [address, nodePort] = await Promise.all([field(lab, '.spec.clusterIP'), field(lab, '.spec.ports[0].nodePort')]);
  // Two nodes have a proxy, whatever the number of nodes.
  const proxies = ['-n', 'opencontrail', '-l', 'app.kubernetes.io/component=proxy'];
  const proxy = await lab.kubectl(['get', 'pods', ...proxies, '-o', 'jsonpath={.items[0].spec.nodeName}']);
  const external = await lab.waitFor('an address of the pool', () => field(lab, '.status.loadBalancer.ingress[0].ip'));
  return [
    { title: 'ClusterIP', from: node, url: `http://${inUrl(address)}:${PORT}/hostname` },
    { title: 'node port', from: 'out', url: `http://${machine}:${nodePort}/hostname` },
    { title: 'load balancer', from: 'out', url: `http://${inUrl(external)}:${PORT}/hostname` },
    { title: 'Ingress', from: 'out', url: `http://${inUrl(lab.address(proxy))}/hostname`, host: HOST },
  ];
}

async function load(lab: LabHandle, { from, url, host }: Way): Promise<Load> {
  const program = join(import.meta.dirname, 'programs', 'requests.ts');
  const words = [process.execPath, '--no-warnings', program, url, `${RATE}`, `${SECONDS}`];
  const { stdout } = await lab.exec(from, [...words, ...(host === undefined ? [] : [host])]);
  return JSON.parse(stdout) as Load;
}

async function field(lab: LabHandle, path: string): Promise<string> {
  return await lab.kubectl(['get', 'service', NAME, '-n', NAMESPACE, '-o', `jsonpath={${path}}`]);
}

function service(): object {
  const ports = [{ name: 'http', protocol: 'TCP', port: PORT }];
  const metadata = { namespace: NAMESPACE, name: NAME };
  const spec = {
    type: 'LoadBalancer',
    loadBalancerClass: `opencontrail.org/${POOL.name}`,
    selector: { app: NAME },
    ports,
  };
  return { apiVersion: 'v1', kind: 'Service', metadata, spec };
}

function ingress(): object {
  const backend = { service: { name: NAME, port: { name: 'http' } } };
  const rules = [{ host: HOST, http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }];
  const metadata = { namespace: NAMESPACE, name: NAME };
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata,
    spec: { ingressClassName: 'opencontrail', rules },
  };
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
