/**
 * Service chains by packets: a firewall, a filter and a translator as pods, one and several of them, by IPv4 and IPv6, with policies, while pods
 * come and go. What the ends exchange is what the hops have counted: nothing goes around them.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LabHandle } from '../lab/handle.ts';
import { parted, scaled, translated } from './chain-changes.ts';
import { type Context, instancesAre, load, RATE, reaches, said } from './chain-context.ts';
import { endNamed, exchanged, forwarded, idle, sumOf } from './chain-counts.ts';
import {
  BY_CHAIN,
  chain,
  ends,
  FILTER,
  FIREWALL,
  NAMESPACE,
  networks,
  REFUSED_PORT,
  service,
  servicePods,
} from './chain-pods.ts';
import type { Reporter } from './reporter.ts';

const CONNECTIONS = 10_000;
/** For what need not be shown in thousands. */
const SECONDS = 5;

/** Run by `npm run e2e -- chains`. */
export async function suite(lab: LabHandle, report: Reporter): Promise<void> {
  const context = await setUp(lab, report);
  for (const part of [joined, filtered, counted]) await part(context, 'firewall');
  await withPolicy(context);
  await scaled(context, 'firewall');
  await bridged(context);
  await translated(context);
  await parted(context);
}

async function setUp(lab: LabHandle, report: Reporter): Promise<Context> {
  await lab.createNamespace(NAMESPACE);
  await lab.apply(networks());
  const [one = '', two = one] = lab.nodes;
  const firewall = await servicePods(lab, { name: 'firewall', replicas: 1, work: FIREWALL, annotations: BY_CHAIN });
  // Its pods are refused while there is no chain.
  await lab.apply([...ends([one, two]), firewall, ...chain([service('firewall')])]);
  await lab.podsReady(NAMESPACE);
  await instancesAre({ lab }, 'firewall 1/1');
  const [client, other, near, server] = [
    await endNamed(lab, `inside-${one}`),
    await endNamed(lab, `inside-${two}`),
    await endNamed(lab, `outside-${one}`),
    await endNamed(lab, `outside-${two}`),
  ];
  return { lab, report, client, other, near, server };
}

/** Everybody reaches everybody on the other side, in both families, by the service. */
async function joined(context: Context, app: string): Promise<void> {
  const { lab, report, client, other, near, server } = context;
  const forth = [client, other].flatMap((from) => [near, server].map((to) => [from, to] as const));
  for (const ways of [forth, forth.map(([from, to]) => [to, from] as const)]) {
    await forwarded(lab, app);
    for (const way of ways) for (const address of [way[1].v4, way[1].v6]) await reaches(context, way, { address });
    const passed = sumOf(await forwarded(lab, app));
    report.equal(`the ${app} has passed on both ways`, passed.forth > 0 && passed.back > 0, true);
  }
}

/** What the service drops is dropped, and `kubectl` tells what stands between. */
async function filtered({ lab, report, client, server }: Context, app: string): Promise<void> {
  for (const address of [server.v4, server.v6]) {
    await forwarded(lab, app);
    const asking = `host=${address}&protocol=udp&port=${REFUSED_PORT}&request=hostname&tries=1`;
    const answer = await said(lab, client, `timeout 7 wget -qO- 'http://127.0.0.1:8080/dial?${asking}'`);
    report.equal(`${client.name} → ${address} UDP ${REFUSED_PORT} is dropped`, answer.includes(server.name), false);
    report.equal(`by the ${app}`, sumOf(await forwarded(lab, app)).refused > 0, true);
  }
  const line = await lab.kubectl(['get', 'chain', 'inspect', '-n', NAMESPACE, '--no-headers']);
  report.equal('kubectl get chain', line.split(/\s{2,}/).slice(0, 3), ['inspect', `${app} 1/1`, 'True']);
}

/** Ten thousand connections, one after the other: what the ends have exchanged is what the hop has forwarded. */
async function counted(context: Context, app: string): Promise<void> {
  const { lab, report, client, server } = context;
  await idle(lab, app);
  await Promise.all([exchanged(lab, client), exchanged(lab, server)]);
  const { failed, reasons } = await load(context, CONNECTIONS / RATE);
  report.equal(`${CONNECTIONS} connections succeed`, { failed, reasons }, { failed: 0, reasons: {} });
  await sleep(1000);
  const [near, far] = [await exchanged(lab, client), await exchanged(lab, server)];
  const { forth, back } = sumOf(await forwarded(lab, app));
  report.equal(`the ${forth} packets that the server has seen have passed the ${app}`, far.received, forth);
  report.equal(`and the ${back} that the client has seen`, near.received, back);
  report.equal('none was lost', [near.sent, far.sent], [forth, back]);
}

/** The same by a bridge; then by a bridge and a router in a row, in either order. */
async function bridged(context: Context): Promise<void> {
  const { lab, report } = context;
  const [bridge, router] = [service('filter', { kind: 'Transparent' }), service('firewall')];
  await lab.apply([await servicePods(lab, { name: 'filter', replicas: 1, work: FILTER }), ...chain([bridge])]);
  await instancesAre(context, 'filter 1/1');
  for (const part of [joined, filtered, counted]) await part(context, 'filter');
  await scaled(context, 'filter');
  for (const services of [
    [bridge, router],
    [router, bridge],
  ]) {
    await lab.apply(chain(services));
    await joined(context, 'firewall');
    await Promise.all(['filter', 'firewall'].map(async (app) => idle(lab, app)));
    const { sent, failed, reasons } = await load(context, SECONDS);
    report.equal(`${sent} connections through both succeed`, { failed, reasons }, { failed: 0, reasons: {} });
    await sleep(1000);
    const [one, other] = [sumOf(await forwarded(lab, 'filter')), sumOf(await forwarded(lab, 'firewall'))];
    report.equal(`the filter has passed on the ${one.forth} and ${one.back} packets that the firewall has`, one, other);
  }
}

/** Policies of both ends see the real addresses. */
async function withPolicy(context: Context): Promise<void> {
  const { lab, client, other, server } = context;
  const podSelector = { matchLabels: { peer: server.name } };
  const ingress = [{ from: [{ podSelector: { matchLabels: { peer: client.name } } }] }];
  const metadata = { namespace: NAMESPACE, name: 'one-client' };
  const [apiVersion, kind] = ['networking.k8s.io/v1', 'NetworkPolicy'];
  await lab.apply([{ apiVersion, kind, metadata, spec: { podSelector, ingress } }]);
  await reaches(context, [other, server], { as: 'whose policy does not allow it,', passes: false });
  await reaches(context, [client, server], { as: 'whose policy allows it,' });
  await lab.kubectl(['delete', 'networkpolicy', 'one-client', '-n', NAMESPACE]);
}
