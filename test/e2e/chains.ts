/**
 * Service chains by packets: a firewall and a translator as pods, one and several of them, by IPv4 and IPv6, with policies, while pods
 * come and go. What the ends exchange is what the hops have counted: nothing goes around them.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LabHandle } from '../lab/handle.ts';
import { parted, scaled, translated } from './chain-changes.ts';
import { type Context, instancesAre, load, RATE, reaches, said } from './chain-context.ts';
import { endNamed, exchanged, forwarded, sumOf } from './chain-counts.ts';
import { chain, ends, FIREWALL, NAMESPACE, networks, REFUSED_PORT, service, servicePods } from './chain-pods.ts';
import type { Reporter } from './reporter.ts';

const CONNECTIONS = 10_000;

/** Run by `npm run e2e -- chains`. */
export async function suite(lab: LabHandle, report: Reporter): Promise<void> {
  const context = await setUp(lab, report);
  await joined(context);
  await filtered(context);
  await counted(context);
  await withPolicy(context);
  await scaled(context);
  await translated(context);
  await parted(context);
}

async function setUp(lab: LabHandle, report: Reporter): Promise<Context> {
  await lab.createNamespace(NAMESPACE);
  await lab.apply(networks());
  const [one = '', two = one] = lab.nodes;
  const firewall = await servicePods(lab, { name: 'firewall', replicas: 1, rules: FIREWALL });
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

/** Everybody reaches everybody on the other side, in both families, by the firewall. */
async function joined(context: Context): Promise<void> {
  const { lab, report, client, other, near, server } = context;
  const forth = [client, other].flatMap((from) => [near, server].map((to) => [from, to] as const));
  for (const ways of [forth, forth.map(([from, to]) => [to, from] as const)]) {
    await forwarded(lab, 'firewall');
    for (const way of ways) for (const address of [way[1].v4, way[1].v6]) await reaches(context, way, { address });
    const passed = sumOf(await forwarded(lab, 'firewall'));
    report.equal('the firewall has forwarded both ways', passed.forth > 0 && passed.back > 0, true);
  }
}

/** What the firewall drops is dropped, and `kubectl` tells what stands between. */
async function filtered({ lab, report, client, server }: Context): Promise<void> {
  const asking = `host=${server.v4}&protocol=udp&port=${REFUSED_PORT}&request=hostname&tries=1`;
  const answer = await said(lab, client, `timeout 7 wget -qO- 'http://127.0.0.1:8080/dial?${asking}'`);
  report.equal(`${client.name} → ${server.name} UDP ${REFUSED_PORT} is dropped`, answer.includes(server.name), false);
  report.equal('by the firewall', sumOf(await forwarded(lab, 'firewall')).refused > 0, true);
  const line = await lab.kubectl(['get', 'chain', 'inspect', '-n', NAMESPACE, '--no-headers']);
  report.equal('kubectl get chain', line.split(/\s{2,}/).slice(0, 3), ['inspect', 'firewall 1/1', 'True']);
}

/** Ten thousand connections, one after the other: what the ends have exchanged is what the hop has forwarded. */
async function counted(context: Context): Promise<void> {
  const { lab, report, client, server } = context;
  await Promise.all([exchanged(lab, client), exchanged(lab, server), forwarded(lab, 'firewall')]);
  const { failed, reasons } = await load(context, CONNECTIONS / RATE);
  report.equal(`${CONNECTIONS} connections succeed`, { failed, reasons }, { failed: 0, reasons: {} });
  await sleep(1000);
  const [near, far] = [await exchanged(lab, client), await exchanged(lab, server)];
  const { forth, back } = sumOf(await forwarded(lab, 'firewall'));
  report.equal(`the ${forth} packets that the server has seen have passed the firewall`, far.received, forth);
  report.equal(`and the ${back} that the client has seen`, near.received, back);
  report.equal('none was lost', [near.sent, far.sent], [forth, back]);
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
