/**
 * Faults: every program, and Redis, is killed with -9 while pods are being created. All of them must end Running with an
 * address each, no running pod's TCP stream may break, and nothing may be left behind afterwards.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LabHandle } from '../lab/handle.ts';
import { contrailNames } from './contrail.ts';
import { deploymentManifest, duplicates, podManifest, type PodObject, podsOf, portAddress, shell } from './pods.ts';
import { emptyRedis } from './redis.ts';
import type { Reporter } from './reporter.ts';

const STEADY = 'faults-steady';
const PODS = 40;

/** Something that goes wrong while pods are made. `inflict` answers how many things it hit. */
interface Fault {
  readonly name: string;
  readonly inflict: (lab: LabHandle) => Promise<number>;
}

const killed = (name: string, pattern: string): Fault => ({
  name: `${name} killed`,
  inflict: (lab) => kill(pattern, lab),
});

const FAULTS: readonly Fault[] = [
  killed('node agent', 'cni/agent/main.ts'),
  killed('vRouter', 'vrouter/main.ts'),
  killed('worker', 'workers/main.ts'),
  killed('webhook', 'webhooks/main.ts'),
  killed('config API', 'contrail/server/main.ts'),
  killed('Redis', 'redis-server'),
  { name: 'Redis emptied', inflict: emptyRedis },
];

/** Run by `npm run e2e -- faults`. */
export async function suite(lab: LabHandle, report: Reporter): Promise<void> {
  await lab.createNamespace(STEADY);
  await startStreams(lab);
  for (const fault of FAULTS) await during(fault, lab, report);
  await withoutWebhooks(lab, report);
}

async function during(fault: Fault, lab: LabHandle, report: Reporter): Promise<void> {
  const namespace = `faults-${fault.name.toLowerCase().replaceAll(' ', '-')}`;
  await lab.createNamespace(namespace, { annotations: { 'opencontrail.org/isolation': 'true' } });
  const before = await bytesOfStreams(lab);
  const sentAgain = await retransmissions(lab);
  await lab.apply([deploymentManifest({ namespace, name: 'many' }, PODS)]);
  // While some pods are through, some are being plumbed and some have not been seen.
  await lab.waitFor('the first pods', async () => (await running(lab, namespace)).length > 2, {
    everyMs: 100,
    timeoutMs: 120_000,
  });
  report.equal(`${fault.name}: there was something to hit`, (await fault.inflict(lab)) > 0, true);
  await report.check(`${fault.name}: all ${PODS} pods run`, () =>
    lab.waitFor('all pods', async () => (await running(lab, namespace)).length === PODS, {
      timeoutMs: 300_000,
      everyMs: 1_000,
    }),
  );
  const pods = await running(lab, namespace);
  report.equal(`${fault.name}: no address twice in the cluster`, duplicates(await allAddresses(lab)), []);
  const differing = pods.filter((pod) => pod.status.podIP !== portAddress(pod)).map(({ metadata }) => metadata.name);
  report.equal(`${fault.name}: each pod has the address of its ports`, differing, []);
  await report.check(`${fault.name}: streams of running pods went on`, () => streamsGrew(lab, before));
  report.equal(`${fault.name}: and lost no packet`, await retransmissions(lab), sentAgain);
  await lab.kubectl(['delete', 'namespace', namespace, '--wait=false']);
  await report.check(`${fault.name}: nothing is left of the deleted pods`, () =>
    lab.waitFor(
      'machines to go',
      async () => {
        const left = (await contrailNames(lab, 'virtual-machine')).filter((name) => name.includes(`__${namespace}__`));
        if (left.length > 0) throw new Error(`${left.length} are left`);
        return true;
      },
      { timeoutMs: 300_000, everyMs: 1_000 },
    ),
  );
}

async function running(lab: LabHandle, namespace: string) {
  return (await podsOf(lab, namespace)).filter(
    ({ status }) => status.phase === 'Running' && status.podIP !== undefined,
  );
}

/** Addresses of all pods that have one of their own. */
async function allAddresses(lab: LabHandle): Promise<readonly string[]> {
  const list = await lab.get<{ items: readonly PodObject[] }>(['pods', '-A']);
  return (list?.items ?? []).flatMap(({ spec, status }) =>
    status.podIP === undefined || spec.hostNetwork === true || status.phase !== 'Running' ? [] : [status.podIP],
  );
}

/** Kills with -9 on every node and answers how many processes that were. */
async function kill(pattern: string, lab: LabHandle): Promise<number> {
  const counts = await Promise.all(
    lab.nodes.map(async (node) => {
      const found = await lab.exec(node, ['pgrep', '-f', pattern]);
      const pids = found.stdout
        .trim()
        .split('\n')
        .filter((pid) => pid !== '');
      if (pids.length > 0) await lab.exec(node, ['kill', '-9', ...pids]);
      return pids.length;
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

/**
 * Two streams across nodes that live as long as their client's one process does: to a pod, and to a Service. The server's
 * CGI program never ends its answer; a connection that breaks ends wget, and with it its pod.
 */
async function startStreams(lab: LabHandle): Promise<void> {
  const [first = '', second = first] = lab.nodes;
  const server = shell(
    'mkdir -p /www/cgi-bin; printf "#!/bin/sh\\necho Content-Type: text/plain; echo; while :; do echo tick; sleep 0.2; done\\n" ' +
      '> /www/cgi-bin/stream; chmod +x /www/cgi-bin/stream; exec httpd -f -p 8080 -h /www',
  );
  await lab.apply([
    podManifest({ namespace: STEADY, name: 'server', node: first, labels: { app: 'server' } }, server),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace: STEADY, name: 'server' },
      spec: { selector: { app: 'server' }, ports: [{ port: 80, targetPort: 8080 }] },
    },
  ]);
  await lab.podsReady(STEADY, ['server']);
  const pod = (await podsOf(lab, STEADY))[0]?.status.podIP ?? '';
  const service = await lab.kubectl(['get', 'service', '-n', STEADY, 'server', '-o', 'jsonpath={.spec.clusterIP}']);
  await lab.waitFor('the Service to answer', async () => {
    const probe = await lab.execInPod({ namespace: STEADY, name: 'server' }, [
      'timeout',
      '2',
      'wget',
      '-q',
      '-O',
      '/dev/null',
      `http://${service}/cgi-bin/nothing`,
    ]);
    return probe.stderr.includes('404');
  });
  await lab.apply([
    podManifest({ namespace: STEADY, name: 'to-pod', node: second }, streamFrom(`${pod}:8080`)),
    podManifest({ namespace: STEADY, name: 'to-service', node: second }, streamFrom(service)),
  ]);
  await lab.podsReady(STEADY, STREAMS);
}

function streamFrom(url: string): object {
  return shell(`exec wget -q -O /stream http://${url}/cgi-bin/stream`);
}

const STREAMS = ['to-pod', 'to-service'];

async function bytesOfStreams(lab: LabHandle): Promise<readonly number[]> {
  return await Promise.all(
    STREAMS.map(async (name) => {
      const size = await lab.execInPod({ namespace: STEADY, name }, ['wc', '-c', '/stream']);
      if (size.code !== 0) throw new Error(`stream ${name} is broken: ${size.stderr}`);
      return Number(size.stdout.trim().split(' ')[0]);
    }),
  );
}

/** Segments that the kernels at both ends have had to send again, pod by pod: what is lost of a stream is in here. */
async function retransmissions(lab: LabHandle): Promise<readonly number[]> {
  return await Promise.all(
    ['server', ...STREAMS].map(async (name) => {
      const { stdout } = await lab.execInPod({ namespace: STEADY, name }, ['grep', '^Tcp:', '/proc/net/snmp']);
      const [names = [], values = []] = stdout.split('\n').map((line) => line.split(' '));
      const count = Number(values[names.indexOf('RetransSegs')]);
      if (Number.isNaN(count)) throw new Error(`pod ${name} does not tell its retransmissions: ${stdout}`);
      return count;
    }),
  );
}

async function streamsGrew(lab: LabHandle, before: readonly number[]): Promise<void> {
  const now = await bytesOfStreams(lab);
  await sleep(2_000);
  const later = await bytesOfStreams(lab);
  const stuck = STREAMS.filter(
    (_, index) => (later[index] ?? 0) <= (now[index] ?? 0) || (now[index] ?? 0) <= (before[index] ?? 0),
  );
  if (stuck.length > 0)
    throw new Error(`${stuck.join(', ')} stood still: ${before.join()} → ${now.join()} → ${later.join()}`);
}

/** All webhooks down: system pods start, and a pod of ours is assigned, later, by a worker. */
async function withoutWebhooks(lab: LabHandle, report: Reporter): Promise<void> {
  const scale = (replicas: number) =>
    lab.kubectl(['scale', 'deployment', '-n', 'opencontrail', 'webhooks', `--replicas=${replicas}`]);
  const before = await lab.kubectl([
    'get',
    'deployment',
    '-n',
    'opencontrail',
    'webhooks',
    '-o',
    'jsonpath={.spec.replicas}',
  ]);
  const namespace = 'faults-no-webhook';
  await lab.createNamespace(namespace);
  lab.onCleanup(() => scale(Number(before)));
  await scale(0);
  await lab.waitFor('the webhooks to be gone', async () => {
    const list = await lab.get<{ items: unknown[] }>([
      'pods',
      '-n',
      'opencontrail',
      '-l',
      'app.kubernetes.io/component=webhooks',
    ]);
    return (list?.items ?? []).length === 0;
  });
  await report.check('no webhook: a system pod starts', async () => {
    lab.onCleanup(() =>
      lab.kubectl(['delete', 'pod', '-n', 'kube-system', 'faults-system', '--ignore-not-found', '--now']),
    );
    await lab.apply([podManifest({ namespace: 'kube-system', name: 'faults-system' }, shell('exec /pause'))]);
    await lab.podsReady('kube-system', ['faults-system']);
  });
  await report.check('no webhook: a pod of ours is assigned by a worker, and runs', async () => {
    await lab.apply([podManifest({ namespace, name: 'late' }, shell('exec /pause'))]);
    await lab.podsReady(namespace, ['late']);
    const [pod] = await podsOf(lab, namespace);
    if (pod?.metadata.annotations?.['opencontrail.org/assignment'] === undefined)
      throw new Error('it has no assignment');
  });
}
