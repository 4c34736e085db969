/** Services of type LoadBalancer: addresses of a pool, answered for by one node, moved when it dies, given back. */
import type { LabHandle } from '../lab/handle.ts';
import { dialPod } from './dial.ts';
import { cutOff, familyOf, fetched, hostOf, inUrl, isOfPool, poolOf, spare } from './outside.ts';
import type { Reporter } from './reporter.ts';

const NAMESPACE = 'balancers';
const PORT = 8080;
const CLASS = 'opencontrail.org/balancers';
/** Of the outside's spare addresses. */
const POOL = { name: 'balancers', first: 210, last: 219 };
/** A quarter of what Kubernetes itself takes to call a node NotReady; a quiet machine needs less than two seconds. */
const RECOVERY_MS = 10_000;

interface Context {
  readonly lab: LabHandle;
  readonly report: Reporter;
  /** The address of the pool that a Service asks for. */
  readonly wanted: string;
}

/** Run by `npm run e2e -- balancers`. */
export async function suite(lab: LabHandle, report: Reporter): Promise<void> {
  await lab.createNamespace(NAMESPACE);
  lab.onCleanup(() => lab.kubectl(['delete', 'floatingippool', 'balancers', '--ignore-not-found']));
  const labels = { app: 'web' };
  const pods = lab.nodes.slice(0, 2).map((node) => dialPod({ namespace: NAMESPACE, name: `on-${node}`, node, labels }));
  await lab.apply([poolOf(lab, POOL), ...pods]);
  await lab.podsReady(NAMESPACE);
  const context = { lab, report, wanted: spare(lab, 215) };
  await given(context);
  await asked(context);
  await moved(context);
  await released(context);
}

function balancer(name: string, spec: object): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: NAMESPACE, name },
    spec: {
      type: 'LoadBalancer',
      loadBalancerClass: CLASS,
      selector: { app: 'web' },
      ports: [{ name: 'http', port: PORT }],
      ...spec,
    },
  };
}

interface Ingress {
  readonly ip: string;
  readonly ipMode: string;
}

async function ingressOf(lab: LabHandle, name: string): Promise<readonly Ingress[]> {
  const service = await lab.get<{
    readonly status: { readonly loadBalancer: { readonly ingress?: readonly Ingress[] } };
  }>(['service', name, '-n', NAMESPACE]);
  return service?.status.loadBalancer.ingress ?? [];
}

async function waitForIngress(lab: LabHandle, name: string): Promise<Ingress> {
  return await lab.waitFor(`an address of ${name}`, async () => (await ingressOf(lab, name))[0]);
}

async function ask(lab: LabHandle, address: string, seconds = 3): Promise<string> {
  return await fetched(lab, `http://${inUrl(address)}:${PORT}/hostname`, seconds);
}

async function given({ lab, report }: Context): Promise<void> {
  await lab.apply([balancer('web', {})]);
  const { ip, ipMode } = await waitForIngress(lab, 'web');
  report.equal(
    'web: the status says an address of the pool, and its mode',
    { pool: isOfPool(lab, POOL, ip), ipMode },
    { pool: true, ipMode: 'VIP' },
  );
  await report.check('web: the outside is answered by both back ends', () =>
    lab.waitFor('both', async () => {
      const seen = new Set<string>();
      for (let each = 0; each < 12; each += 1) seen.add(await ask(lab, ip));
      return lab.nodes.slice(0, 2).every((node) => seen.has(`on-${node}`));
    }),
  );
}

async function asked({ lab, report, wanted }: Context): Promise<void> {
  await lab.apply([balancer('wanted', { loadBalancerIP: wanted, externalTrafficPolicy: 'Local' })]);
  report.equal('wanted: the address that is asked for is given', (await waitForIngress(lab, 'wanted')).ip, wanted);
  const client = async (): Promise<string> => hostOf(await fetched(lab, `http://${inUrl(wanted)}:${PORT}/clientip`));
  await report.check('wanted: Local keeps the client’s address', () =>
    lab.waitFor('it', async () => (await client()) === lab.address('out')),
  );
  await lab.apply([
    balancer('refused', { loadBalancerIP: wanted }),
    balancer('foreign', { loadBalancerIP: familyOf(lab) === 'IPv6' ? '2001:db8::7' : '203.0.113.7' }),
  ]);
  for (const name of ['refused', 'foreign']) {
    await report.check(`${name}: an Event says why`, () =>
      lab.waitFor('the Event', async () => {
        const args = [
          'get',
          'events',
          '-n',
          NAMESPACE,
          '--field-selector',
          `involvedObject.name=${name}`,
          '-o',
          'jsonpath={.items[*].reason}',
        ];
        return (await lab.kubectl(args)).includes('AddressRefused');
      }),
    );
  }
}

/** The node that answers for an address, by what the outside has learnt. */
export async function holderOf(lab: LabHandle, address: string): Promise<string> {
  const { stdout } = await lab.exec('out', ['ip', 'neigh', 'show', 'to', address]);
  const mac = / lladdr (\S+)/.exec(stdout)?.[1] ?? 'none';
  for (const node of lab.nodes) {
    const link = await lab.exec(node, ['ip', '-o', 'link', 'show', 'dev', 'eth0']);
    if (link.stdout.includes(mac)) return node;
  }
  throw new Error(`nobody has ${mac}, which answered for ${address}`);
}

/** A node is cut off the network, as its death is to others. */
async function moved({ lab, report, wanted }: Context): Promise<void> {
  const holder = await holderOf(lab, wanted);
  const join = await cutOff(lab, holder);
  const started = performance.now();
  await lab.waitFor('an answer by another node', async () => (await ask(lab, wanted, 0.3)) !== '', { everyMs: 50 });
  const tookMs = Math.round(performance.now() - started);
  report.equal(`wanted: answered again ${tookMs} ms after its node’s death`, tookMs < RECOVERY_MS, true);
  await survived({ lab, report, wanted }, holder);
  await join();
}

/** What is left answers all new flows, by the address of the cluster too, long before Kubernetes calls the node NotReady. */
async function survived({ lab, report }: Context, dead: string): Promise<void> {
  const survivor = lab.nodes.find((node) => node !== dead) ?? '';
  const address = await lab.kubectl(['get', 'service', 'web', '-n', NAMESPACE, '-o', 'jsonpath={.spec.clusterIP}']);
  const seen = new Set<string>();
  for (let each = 0; each < 20; each += 1) {
    const { stdout } = await lab.exec(survivor, [
      'curl',
      '-g',
      '-s',
      '-m',
      '1',
      `http://${inUrl(address)}:${PORT}/hostname`,
    ]);
    seen.add(stdout.trim());
  }
  report.equal(`web: ${survivor} reaches what is left, and nobody else`, [...seen], [`on-${survivor}`]);
}

async function released({ lab, report, wanted }: Context): Promise<void> {
  await lab.kubectl(['delete', 'service', 'wanted', '-n', NAMESPACE]);
  await report.check('wanted: its address is silent when it is gone', () =>
    lab.waitFor('silence', async () => (await ask(lab, wanted, 1)) === ''),
  );
  await report.check('refused: gets the address that has become free', () =>
    lab.waitFor(
      'it',
      async () => {
        await lab.kubectl([
          'annotate',
          'service',
          'refused',
          '-n',
          NAMESPACE,
          '--overwrite',
          `opencontrail.org/fip-pool=balancers`,
        ]);
        return (await ingressOf(lab, 'refused'))[0]?.ip === wanted;
      },
      { everyMs: 2000 },
    ),
  );
}
