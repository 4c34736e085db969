/** BGP between the nodes' BIRDs and a router outside (FRR): addresses beyond the segment, told, moved, withdrawn; routes learnt. */
import { startFrr, type Frr } from '../bgp/frr.ts';
import { run } from '../lab/command.ts';
import type { LabHandle } from '../lab/handle.ts';
import { productNamespace } from '../lab/install.ts';
import { netnsOf } from '../lab/names.ts';
import { binary, checkout, labDir } from '../lab/paths.ts';
import { dialPod } from './dial.ts';
import { fetched } from './outside.ts';
import { type PodObject, podsOf } from './pods.ts';
import type { Reporter } from './reporter.ts';

const NAMESPACE = 'bgp';
/** Nobody on the segment asks for it by ARP: it is reached by a route, or not at all. */
const ADDRESS = '198.51.100.20';
const BEHIND = '203.0.113.1';
const [apiVersion, ASN] = ['opencontrail.org/v1alpha1', 64512];

interface Context {
  readonly lab: LabHandle;
  readonly report: Reporter;
  readonly frr: Frr;
}

/** Run by `npm run e2e -- bgp`. */
export async function suite(lab: LabHandle, report: Reporter): Promise<void> {
  await switchTo(lab, true);
  lab.onCleanup(() => switchTo(lab, false));
  const frr = await startFrr(netnsOf('out'), configOf(lab));
  lab.onCleanup(async () => {
    frr.stop();
    await lab.exec('out', ['sh', '-c', `ip addr del ${BEHIND}/32 dev lo; ip route flush proto bgp`]);
  });
  await lab.exec('out', ['ip', 'addr', 'add', `${BEHIND}/32`, 'dev', 'lo']);
  await lab.createNamespace(NAMESPACE, { annotations: { 'opencontrail.org/isolation': 'true' } });
  lab.onCleanup(() => lab.kubectl(['delete', 'floatingippool,bgprouter', NAMESPACE, '--ignore-not-found']));
  await lab.apply([
    pool(),
    router(lab),
    ...lab.nodes.slice(0, 2).map((node) => dialPod({ namespace: NAMESPACE, name: `on-${node}`, node })),
  ]);
  await lab.podsReady(NAMESPACE);
  const context = { lab, report, frr };
  await established(context);
  await announced(context);
  await podsAnnounced(context);
}

async function switchTo(lab: LabHandle, isEnabled: boolean): Promise<void> {
  const chart = `${checkout}/charts/opencontrail`;
  const args = ['upgrade', 'opencontrail', chart, '-n', productNamespace, '--reuse-values', '--set'];
  await run(binary('helm'), [...args, `bgp.enabled=${isEnabled}`], { env: { KUBECONFIG: `${labDir}/kubeconfig` } });
  if (isEnabled) await lab.kubectl(['rollout', 'status', 'ds/bgp', '-n', productNamespace, '--timeout=120s']);
}

function configOf(lab: LabHandle): string {
  const neighbors = lab.nodes.map((node) => `neighbor ${lab.address(node)} remote-as ${ASN}`);
  return ['router bgp 64513', `bgp router-id ${lab.address('out')}`, 'no bgp ebgp-requires-policy', ...neighbors]
    .concat(['address-family ipv4 unicast', `network ${BEHIND}/32`, 'exit-address-family', ''])
    .join('\n');
}

function pool(): object {
  const spec = { subnets: [{ cidr: '198.51.100.0/24' }], loadBalancerClass: 'opencontrail.org/bgp' };
  return { apiVersion, kind: 'FloatingIPPool', metadata: { name: NAMESPACE }, spec };
}

function router(lab: LabHandle): object {
  const neighbors = [{ address: lab.address('out'), asn: 64513 }];
  const spec = { asn: ASN, neighbors, learn: {}, announce: ['FloatingIPs', 'Pods'] };
  return { apiVersion, kind: 'BGPRouter', metadata: { name: NAMESPACE }, spec };
}

function floatingIp(pod: string): object {
  const spec = { pool: NAMESPACE, address: ADDRESS, pod };
  return { apiVersion, kind: 'FloatingIP', metadata: { namespace: NAMESPACE, name: 'entry' }, spec };
}

async function becomes({ lab, report }: Context, title: string, probe: () => Promise<string>, want: string) {
  const started = performance.now();
  await report.check(title, () =>
    lab.waitFor(want, async () => (await probe()) === want, { timeoutMs: 30_000, everyMs: 50 }),
  );
  return Math.round(performance.now() - started);
}

async function established(context: Context): Promise<void> {
  const { lab } = context;
  const path = 'jsonpath={.status.conditions[?(@.type=="Ready")].status} {.status.nodes[*].name}';
  const status = async () => lab.kubectl(['get', 'bgpr', NAMESPACE, '-o', path]);
  await becomes(context, 'all nodes have a session, as the status says', status, `True ${lab.nodes.join(' ')}`);
  for (const node of lab.nodes) {
    const learnt = async () => (await lab.exec(node, ['ip', 'route', 'show', BEHIND])).stdout.split(' dev ')[0] ?? '';
    await becomes(context, `${node} has learnt ${BEHIND}`, learnt, `${BEHIND} via ${lab.address('out')}`);
  }
}

/** The next hops of an address at the router outside. */
function nextHops(frr: Frr, address = ADDRESS): string {
  const { paths = [] } = frr.ask(`show bgp ipv4 unicast ${address}/32 json`) as {
    readonly paths?: readonly { readonly nexthops: readonly { readonly ip: string }[] }[];
  };
  return paths.map(({ nexthops }) => nexthops[0]?.ip).join();
}

async function announced(context: Context): Promise<void> {
  const { lab, report, frr } = context;
  const asked = async () =>
    (await lab.exec('out', ['curl', '-s', '-m', '1', `http://${ADDRESS}:8080/hostname`])).stdout.trim();
  for (const node of lab.nodes.slice(0, 2)) {
    await lab.apply([floatingIp(`on-${node}`)]);
    const told = async () => nextHops(frr);
    const ms = await becomes(context, `${ADDRESS} is announced by ${node} alone`, told, lab.address(node));
    await becomes(context, `outside → ${ADDRESS}, on ${node}`, asked, `on-${node}`);
    report.ok(`the router outside was told of ${node} within ${ms} ms`);
  }
  await lab.kubectl(['delete', 'fip', 'entry', '-n', NAMESPACE]);
  await becomes(context, `${ADDRESS} is withdrawn`, async () => nextHops(frr), '');
}

/** Pods' own addresses, as long as the underlay routes their network. */
async function podsAnnounced(context: Context): Promise<void> {
  const { lab, frr } = context;
  const flagged = async (value: boolean) =>
    lab.kubectl(['annotate', 'namespace', NAMESPACE, '--overwrite', `opencontrail.org/ip_fabric_forwarding=${value}`]);
  await flagged(true);
  for (const node of lab.nodes.slice(0, 2)) {
    const pod = await lab.get<PodObject>(['pod', `on-${node}`, '-n', NAMESPACE]);
    const address = pod?.status.podIP ?? '';
    await becomes(
      context,
      `pod on-${node} is announced by ${node}`,
      async () => nextHops(frr, address),
      lab.address(node),
    );
    const asked = async () => fetched(lab, `http://${address}:8080/hostname`, 1);
    await becomes(context, `outside → pod on-${node}, by what it was told`, asked, `on-${node}`);
  }
  await flagged(false);
  const [first] = await podsOf(lab, NAMESPACE);
  await becomes(context, 'pods in the tunnel are withdrawn', async () => nextHops(frr, first?.status.podIP), '');
}
