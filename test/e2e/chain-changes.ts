/** Chains whose instances come, fail and go: under load, with a second service, and with none. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Context, instancesAre, load, PORT, reaches, said } from './chain-context.ts';
import { forwarded, instances, sumOf, takenOut } from './chain-counts.ts';
import { chain, NAMESPACE, service, servicePods, TRANSLATOR } from './chain-pods.ts';
import { hostOf } from './outside.ts';

/** Longer than what is done meanwhile takes. */
const LOAD_SECONDS = 60;

/** One to three and back under load: no connection fails, also when an instance is killed or no longer Ready. */
export async function scaled(context: Context, app: string): Promise<void> {
  const { lab, report } = context;
  const loading = load(context, LOAD_SECONDS);
  await scale(context, app, 3);
  await killed(context, app);
  await unready(context, app);
  await scale(context, app, 1);
  const { sent, failed, reasons } = await loading;
  report.equal(`of ${sent} connections meanwhile none fails`, { failed, reasons }, { failed: 0, reasons: {} });
  report.equal('one instance is left', (await instances(lab, app)).length, 1);
}

async function scale(context: Context, app: string, replicas: number): Promise<void> {
  const { lab } = context;
  await lab.kubectl(['scale', 'deployment', app, '-n', NAMESPACE, `--replicas=${replicas}`]);
  await instancesAre(context, `${app} ${replicas}/${replicas}`);
}

async function killed(context: Context, app: string): Promise<void> {
  const { lab, report } = context;
  await forwarded(lab, app);
  await sleep(3000);
  const shares = (await forwarded(lab, app)).map(({ forth, back }) => forth > 0 && back > 0);
  report.equal('each of three instances has a share', shares, [true, true, true]);
  const [victim] = await instances(lab, app);
  const name = victim?.metadata.name ?? '';
  const deletion = ['delete', 'pod', name, '-n', NAMESPACE, '--grace-period=0', '--force', '--wait=false'];
  const ms = await takenOut(lab, () => lab.kubectl(deletion));
  report.ok(`an instance that is killed is taken out on every node (${ms} ms)`);
  await lab.waitFor('another instance', async () => {
    const pods = await instances(lab, app);
    return pods.length === 3 && pods.every(({ metadata }) => metadata.name !== name);
  });
  await instancesAre(context, `${app} 3/3`);
}

async function unready(context: Context, app: string): Promise<void> {
  const { lab, report } = context;
  const before = await instances(lab, app);
  const name = before[0]?.metadata.name ?? '';
  const ms = await takenOut(lab, () => lab.execInPod({ namespace: NAMESPACE, name }, ['rm', '/tmp/ready']));
  report.ok(`an instance whose probe fails is taken out on every node (${ms} ms, of which its probe's period is 1 s)`);
  await instancesAre(context, `${app} 2/3`);
  await sleep(1000);
  await forwarded(lab, app);
  await sleep(2000);
  const [first] = await forwarded(lab, app);
  report.equal('an instance that is not Ready is sent nothing', first, { forth: 0, back: 0, refused: 0 });
  await lab.execInPod({ namespace: NAMESPACE, name }, ['touch', '/tmp/ready']);
  await instancesAre(context, `${app} 3/3`);
}

/** A second service, which translates: servers see its address, and nobody behind it begins. */
export async function translated(context: Context): Promise<void> {
  const { lab, report, client, server } = context;
  const services = [service('firewall'), service('nat', { kind: 'InNetworkNAT' })];
  await lab.apply([await servicePods(lab, { name: 'nat', replicas: 1, work: TRANSLATOR }), ...chain(services)]);
  await instancesAre(context, 'firewall 1/1, nat 1/1');
  const [nat] = await instances(lab, 'nat');
  const status = nat?.metadata.annotations?.['k8s.v1.cni.cncf.io/network-status'] ?? '[]';
  const ports = JSON.parse(status) as readonly { readonly interface: string; readonly ips: readonly string[] }[];
  const own = ports.find((port) => port.interface === 'right')?.ips[0] ?? '';
  const seen = async () => hostOf(await said(lab, client, `timeout 4 wget -qO- http://${server.v4}:${PORT}/clientip`));
  await report.check(`${server.name} sees the translator's address ${own}`, () =>
    lab.waitFor(own, async () => (await seen()) === own),
  );
  await reaches(context, [server, client], { as: 'from behind the translator,', passes: false });
  for (const name of ['firewall', 'nat']) {
    const { forth, back } = sumOf(await forwarded(lab, name));
    report.equal(`${name} has forwarded both ways`, forth > 0 && back > 0, true);
  }
}

/** Without a pod nothing passes, or everything, as the service says; without the chain nothing. */
export async function parted(context: Context): Promise<void> {
  const { lab, client, server } = context;
  await lab.apply(chain([service('firewall')]));
  await scale(context, 'firewall', 0);
  await reaches(context, [client, server], { as: 'while no instance is there,', passes: false });
  await lab.apply(chain([service('firewall', { whenEmpty: 'Bypass' })]));
  await reaches(context, [client, server], { as: 'past a service that may be bypassed,' });
  await lab.kubectl(['delete', 'chain', 'inspect', '-n', NAMESPACE]);
  await reaches(context, [client, server], { as: 'without the chain,', passes: false });
  await lab.apply(chain([service('firewall', { whenEmpty: 'Bypass' })]));
  await reaches(context, [client, server], { as: 'with the same chain again,' });
}
