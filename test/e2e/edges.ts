/** The cluster's edges: pods go outside under their node's address or a floating one, and are reached by that, wherever it moves. */
import type { LabHandle } from '../lab/handle.ts';
import { holderOf } from './balancers.ts';
import { dialPod } from './dial.ts';
import type { Reporter } from './reporter.ts';

const [OPEN, CLOSED] = ['edges', 'edges-closed'] as const;
const [PORT, OUTSIDE_PORT] = [8080, 8098];
const [FIRST, EGRESS] = ['172.30.0.230', '172.30.0.232'] as const;
/** Where the machine outside is asked, and answers with the address that it sees. */
const ECHO = `socat TCP4-LISTEN:${OUTSIDE_PORT},fork,reuseaddr SYSTEM:'echo HTTP/1.0 200 OK; echo; echo $SOCAT_PEERADDR'`;

interface Context {
  readonly lab: LabHandle;
  readonly report: Reporter;
}

/** Run by `npm run e2e -- edges`. */
export async function suite(lab: LabHandle, report: Reporter): Promise<void> {
  const translated = { 'opencontrail.org/isolation': 'true', 'opencontrail.org/ip_fabric_snat': 'true' };
  await lab.createNamespace(OPEN, { annotations: translated });
  await lab.createNamespace(CLOSED, { annotations: { 'opencontrail.org/isolation': 'true' } });
  lab.onCleanup(() => lab.kubectl(['delete', 'floatingippool', 'edges', '--ignore-not-found']));
  await lab.exec('out', ['sh', '-c', `setsid ${ECHO} >/dev/null 2>&1 &`]);
  lab.onCleanup(() => lab.exec('out', ['fuser', '-k', `${OUTSIDE_PORT}/tcp`]));
  const pods = [OPEN, CLOSED].flatMap((namespace) =>
    lab.nodes.slice(0, 2).map((node) => dialPod({ namespace, name: `on-${node}`, node })),
  );
  await lab.apply([pool(), ...pods]);
  await lab.podsReady(OPEN);
  await lab.podsReady(CLOSED);
  const context = { lab, report };
  await outward(context);
  await floating(context);
  await handedOn(context);
  await mapped(context);
  await routed(context);
}

function pool(): object {
  const subnets = [{ cidr: '172.30.0.0/24', allocationPools: [{ start: FIRST, end: '172.30.0.234' }] }];
  const [apiVersion, kind] = ['opencontrail.org/v1alpha1', 'FloatingIPPool'];
  return {
    apiVersion,
    kind,
    metadata: { name: 'edges' },
    spec: { subnets, loadBalancerClass: 'opencontrail.org/edges' },
  };
}

function floatingIp(namespace: string, name: string, spec: object): object {
  const [apiVersion, kind] = ['opencontrail.org/v1alpha1', 'FloatingIP'];
  return { apiVersion, kind, metadata: { namespace, name }, spec: { pool: 'edges', ...spec } };
}

/** As which address the machine outside sees a pod; nothing where it is not reached. */
async function seenAs({ lab }: Context, namespace: string, name: string): Promise<string> {
  const script = `timeout 3 wget -qO- http://${lab.address('out')}:${OUTSIDE_PORT}/`;
  return (await lab.execInPod({ namespace, name, container: 'shell' }, ['sh', '-c', script])).stdout.trim();
}

/** Who answers the machine outside at an address: the pod's name, or as whom it sees the client. */
async function asked({ lab }: Context, url: string): Promise<string> {
  return (await lab.exec('out', ['curl', '-s', '-m', '2', `http://${url}`])).stdout.trim();
}

async function becomes({ lab, report }: Context, title: string, probe: () => Promise<string>, want: string) {
  await report.check(title, () => lab.waitFor(want, async () => (await probe()) === want, { timeoutMs: 30_000 }));
}

async function outward(context: Context): Promise<void> {
  const { lab, report } = context;
  for (const node of lab.nodes.slice(0, 2)) {
    const address = lab.address(node);
    await becomes(
      context,
      `${OPEN}/on-${node} → outside, as ${node}`,
      () => seenAs(context, OPEN, `on-${node}`),
      address,
    );
    report.equal(`${CLOSED}/on-${node} → outside is refused`, await seenAs(context, CLOSED, `on-${node}`), '');
  }
}

async function addressOf({ lab }: Context, namespace: string, name: string): Promise<string> {
  const args = ['get', 'fip', name, '-n', namespace, '-o', 'jsonpath={.status.address}'];
  return await lab.waitFor(`an address of ${name}`, async () => lab.kubectl(args));
}

async function floating(context: Context): Promise<void> {
  const { lab, report } = context;
  await lab.apply([floatingIp(CLOSED, 'entry', { address: FIRST, pod: 'on-n1' })]);
  report.equal('entry: has the address that it asks for', await addressOf(context, CLOSED, 'entry'), FIRST);
  await becomes(context, 'outside → entry', () => asked(context, `${FIRST}:${PORT}/hostname`), 'on-n1');
  const client = async () => (await asked(context, `${FIRST}:${PORT}/clientip`)).split(':')[0] ?? '';
  await becomes(context, 'outside → entry, the client’s address kept', client, lab.address('out'));
  await becomes(context, `${CLOSED}/on-n1 → outside, as entry`, () => seenAs(context, CLOSED, 'on-n1'), FIRST);
  report.equal(`${CLOSED}/on-n2 → outside is still refused`, await seenAs(context, CLOSED, 'on-n2'), '');
}

/** To a pod on another node: the address moves there, and is not lost on the way. */
async function handedOn(context: Context): Promise<void> {
  const { lab, report } = context;
  await lab.apply([floatingIp(CLOSED, 'entry', { address: FIRST, pod: 'on-n2' })]);
  const started = performance.now();
  await lab.waitFor('on-n2', async () => (await asked(context, `${FIRST}:${PORT}/hostname`)) === 'on-n2', {
    everyMs: 50,
  });
  report.ok(`outside → entry, handed on to a pod on n2 (${Math.round(performance.now() - started)} ms)`);
  await becomes(context, `${CLOSED}/on-n2 → outside, as entry`, () => seenAs(context, CLOSED, 'on-n2'), FIRST);
  await becomes(context, `${CLOSED}/on-n1 → outside is refused again`, () => seenAs(context, CLOSED, 'on-n1'), '');
  report.equal('entry: keeps its address', await addressOf(context, CLOSED, 'entry'), FIRST);
}

async function mapped(context: Context): Promise<void> {
  const { lab, report } = context;
  await lab.apply([floatingIp(OPEN, 'web', { pod: 'on-n1', ports: [{ port: 80, targetPort: PORT }] })]);
  const address = await addressOf(context, OPEN, 'web');
  await becomes(context, 'outside → web:80, mapped', () => asked(context, `${address}:80/hostname`), 'on-n1');
  report.equal(`outside → web:${PORT} is refused`, await asked(context, `${address}:${PORT}/hostname`), '');
}

/** One address for a namespace, on whatever node its pods are; another node takes it over when its own dies. */
async function routed(context: Context): Promise<void> {
  const { lab, report } = context;
  const [apiVersion, kind] = ['opencontrail.org/v1alpha1', 'LogicalRouter'];
  const spec = { pool: 'edges', networks: [{ kind: 'Namespace' }], addresses: [EGRESS] };
  await lab.apply([{ apiVersion, kind, metadata: { namespace: OPEN, name: 'egress' }, spec }]);
  const pods = lab.nodes.slice(0, 2).map((node) => `on-${node}`);
  for (const name of pods)
    await becomes(context, `${OPEN}/${name} → outside, as its router`, () => seenAs(context, OPEN, name), EGRESS);
  report.equal(`outside → ${EGRESS} is refused`, await asked(context, `${EGRESS}:${PORT}/hostname`), '');
  const holder = await holderOf(lab, EGRESS);
  const survivor = pods.find((name) => name !== `on-${holder}`) ?? '';
  const link = (state: string) => lab.exec(holder, ['ip', 'link', 'set', 'eth0', state]);
  lab.onCleanup(() => link('up'));
  await link('down');
  const started = performance.now();
  await lab.waitFor('another node', async () => (await seenAs(context, OPEN, survivor)) === EGRESS, { everyMs: 50 });
  report.ok(
    `${OPEN}/${survivor} → outside, as its router, ${Math.round(performance.now() - started)} ms after ${holder}’s death`,
  );
  await link('up');
  await lab.exec(holder, ['ip', 'route', 'replace', 'default', 'via', lab.address('cp')]);
  await lab.kubectl(['delete', 'lr', 'egress', '-n', OPEN]);
  const own = lab.address(survivor.replace('on-', ''));
  await becomes(
    context,
    `${OPEN}/${survivor} → outside, as its node again`,
    () => seenAs(context, OPEN, survivor),
    own,
  );
}
