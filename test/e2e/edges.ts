/** The cluster's edges: pods go outside under their node's address or a floating one, and are reached by that, wherever it moves. */
import ipaddr from 'ipaddr.js';
import type { LabHandle } from '../lab/handle.ts';
import { holderOf } from './balancers.ts';
import { dialPod } from './dial.ts';
import { external } from './edges-external.ts';
import { staysWhereItIs } from './edges-staying.ts';
import { cutOff, familyOf, type Family, fetched, hostOf, inUrl, poolOf, spare } from './outside.ts';
import type { Reporter } from './reporter.ts';

const [OPEN, CLOSED] = ['edges', 'edges-closed'] as const;
const [PORT, OUTSIDE_PORT] = [8080, 8098];
/** Of the outside's spare addresses. */
const FIRST = 230;
interface Context {
  readonly lab: LabHandle;
  readonly report: Reporter;
  /** The pool's first address, and the one of a router. */
  readonly first: string;
  readonly egress: string;
}

/** Run by `npm run e2e -- edges`. */
export async function suite(lab: LabHandle, report: Reporter): Promise<void> {
  const translated = { 'opencontrail.org/isolation': 'true', 'opencontrail.org/ip_fabric_snat': 'true' };
  await lab.createNamespace(OPEN, { annotations: translated });
  await lab.createNamespace(CLOSED, { annotations: { 'opencontrail.org/isolation': 'true' } });
  lab.onCleanup(() => lab.kubectl(['delete', 'floatingippool', 'edges', '--ignore-not-found']));
  await lab.exec('out', ['sh', '-c', `setsid ${echo(familyOf(lab))} >/dev/null 2>&1 &`]);
  lab.onCleanup(() => lab.exec('out', ['fuser', '-k', `${OUTSIDE_PORT}/tcp`]));
  const pods = [OPEN, CLOSED].flatMap((namespace) =>
    lab.nodes.slice(0, 2).map((node) => dialPod({ namespace, name: `on-${node}`, node })),
  );
  const context = { lab, report, first: spare(lab, FIRST), egress: spare(lab, FIRST + 2) };
  await lab.apply([poolOf(lab, { name: 'edges', first: FIRST, last: FIRST + 4 }), ...pods]);
  await lab.podsReady(OPEN);
  await lab.podsReady(CLOSED);
  await outward(context);
  await floating(context);
  await handedOn(context);
  await mapped(context);
  await routed(context);
  await shared(context);
  await external({ lab, report, namespace: OPEN, seenAs: (name, host) => seenAs(context, OPEN, name, host) });
}

/** Where the machine outside is asked, and answers with the address that it sees. */
function echo(family: Family): string {
  return `socat TCP${family.at(-1)}-LISTEN:${OUTSIDE_PORT},fork,reuseaddr SYSTEM:'echo HTTP/1.0 200 OK; echo; echo $SOCAT_PEERADDR'`;
}

function floatingIp({ lab }: Context, namespace: string, name: string, spec: object): object {
  const [apiVersion, kind] = ['opencontrail.org/v1alpha1', 'FloatingIP'];
  return { apiVersion, kind, metadata: { namespace, name }, spec: { pool: 'edges', family: familyOf(lab), ...spec } };
}

/** As which address the machine outside sees a pod; nothing where it is not reached. */
async function seenAs({ lab }: Context, namespace: string, name: string, host = lab.address('out')): Promise<string> {
  const script = `timeout 3 wget -qO- http://${inUrl(host)}:${OUTSIDE_PORT}/`;
  const { stdout } = await lab.execInPod({ namespace, name, container: 'shell' }, ['sh', '-c', script]);
  const seen = stdout.trim().replace(/^\[(.+)\]$/, '$1');
  return seen === '' ? '' : ipaddr.parse(seen).toString();
}

/** Who answers the machine outside at an address: the pod's name, or as whom it sees the client. */
async function asked({ lab }: Context, address: string, portAndPath: string): Promise<string> {
  return await fetched(lab, `http://${inUrl(address)}:${portAndPath}`, 2);
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
  const { lab, report, first } = context;
  await lab.apply([floatingIp(context, CLOSED, 'entry', { address: first, pod: 'on-n1' })]);
  report.equal('entry: has the address that it asks for', await addressOf(context, CLOSED, 'entry'), first);
  await becomes(context, 'outside → entry', () => asked(context, first, `${PORT}/hostname`), 'on-n1');
  const client = async () => hostOf(await asked(context, first, `${PORT}/clientip`));
  await becomes(context, 'outside → entry, the client’s address kept', client, lab.address('out'));
  await becomes(context, `${CLOSED}/on-n1 → outside, as entry`, () => seenAs(context, CLOSED, 'on-n1'), first);
  report.equal(`${CLOSED}/on-n2 → outside is still refused`, await seenAs(context, CLOSED, 'on-n2'), '');
}

/** To a pod on another node: the address moves there, and is not lost on the way. */
async function handedOn(context: Context): Promise<void> {
  const { lab, report, first } = context;
  await lab.apply([floatingIp(context, CLOSED, 'entry', { address: first, pod: 'on-n2' })]);
  const started = performance.now();
  await lab.waitFor('on-n2', async () => (await asked(context, first, `${PORT}/hostname`)) === 'on-n2', {
    everyMs: 50,
  });
  report.ok(`outside → entry, handed on to a pod on n2 (${Math.round(performance.now() - started)} ms)`);
  await becomes(context, `${CLOSED}/on-n2 → outside, as entry`, () => seenAs(context, CLOSED, 'on-n2'), first);
  await becomes(context, `${CLOSED}/on-n1 → outside is refused again`, () => seenAs(context, CLOSED, 'on-n1'), '');
  report.equal('entry: keeps its address', await addressOf(context, CLOSED, 'entry'), first);
}

async function mapped(context: Context): Promise<void> {
  const { lab, report } = context;
  await lab.apply([floatingIp(context, OPEN, 'web', { pod: 'on-n1', ports: [{ port: 80, targetPort: PORT }] })]);
  const address = await addressOf(context, OPEN, 'web');
  await becomes(context, 'outside → web:80, mapped', () => asked(context, address, '80/hostname'), 'on-n1');
  report.equal(`outside → web:${PORT} is refused`, await asked(context, address, `${PORT}/hostname`), '');
}

/** One address for a namespace, on whatever node its pods are; another node takes it over when its own dies. */
async function routed(context: Context): Promise<void> {
  const { lab, report, egress } = context;
  const [apiVersion, kind] = ['opencontrail.org/v1alpha1', 'LogicalRouter'];
  const spec = {
    pool: 'edges',
    networks: [{ kind: 'Namespace' }],
    addresses: [egress],
  };
  await lab.apply([{ apiVersion, kind, metadata: { namespace: OPEN, name: 'egress' }, spec }]);
  const pods = lab.nodes.slice(0, 2).map((node) => `on-${node}`);
  for (const name of pods)
    await becomes(context, `${OPEN}/${name} → outside, as its router`, () => seenAs(context, OPEN, name), egress);
  report.equal(`outside → ${egress} is refused`, await asked(context, egress, `${PORT}/hostname`), '');
  const seen = async () => await Promise.all(pods.map((name) => seenAs(context, OPEN, name)));
  await staysWhereItIs({ lab, report, address: egress, seen });
  const holder = await holderOf(lab, egress);
  const survivor = pods.find((name) => name !== `on-${holder}`) ?? '';
  const join = await cutOff(lab, holder);
  const started = performance.now();
  await lab.waitFor('another node', async () => (await seenAs(context, OPEN, survivor)) === egress, {
    everyMs: 50,
  });
  report.ok(
    `${OPEN}/${survivor} → outside, as its router, ${Math.round(performance.now() - started)} ms after ${holder}’s death`,
  );
  await join();
  await lab.kubectl(['delete', 'lr', 'egress', '-n', OPEN]);
  const own = lab.address(survivor.replace('on-', ''));
  await becomes(
    context,
    `${OPEN}/${survivor} → outside, as its node again`,
    () => seenAs(context, OPEN, survivor),
    own,
  );
}

/** Of several addresses of a router each pod has one, and keeps it. */
async function shared(context: Context): Promise<void> {
  const { lab, report, egress } = context;
  const addresses = [egress, spare(lab, FIRST + 3)];
  const spec = { pool: 'edges', networks: [{ kind: 'Namespace' }], addresses };
  const metadata = { namespace: OPEN, name: 'shared' };
  await lab.apply([{ apiVersion: 'opencontrail.org/v1alpha1', kind: 'LogicalRouter', metadata, spec }]);
  for (const name of lab.nodes.slice(0, 2).map((node) => `on-${node}`)) {
    let own = '';
    await report.check(`${OPEN}/${name} → outside, as one of its router’s two addresses`, () =>
      lab.waitFor('one of them', async () => addresses.includes((own = await seenAs(context, OPEN, name)))),
    );
    // It may be on its way from the node that its Lease was left at.
    const again = await lab.waitFor('an answer', () => seenAs(context, OPEN, name));
    report.equal(`${OPEN}/${name} → outside, as the same again`, again, own);
  }
  await lab.kubectl(['delete', 'lr', 'shared', '-n', OPEN]);
}
