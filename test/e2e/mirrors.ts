/** Copies of a pod's traffic at its analyzer, and captures by `kubectl contrail capture`: both seen through the pcap that it writes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../lab/command.ts';
import type { LabHandle } from '../lab/handle.ts';
import { contrailCommand } from './command-line.ts';
import { idle, type PodObject, podManifest } from './pods.ts';
import type { Reporter } from './reporter.ts';

const NAMESPACE = 'mirrors';
/** Names of analyzers: on the client's node, and on the other. */
const ANALYZERS = ['near', 'far'] as const;

interface Context {
  readonly lab: LabHandle;
  readonly report: Reporter;
  readonly folder: string;
  readonly server: string;
}

/** Run by `npm run e2e -- mirrors`. */
export async function suite(lab: LabHandle, report: Reporter): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'oc-mirrors-'));
  lab.onCleanup(async () => rmSync(folder, { recursive: true }));
  const [here = '', there = here] = lab.nodes;
  await lab.createNamespace(NAMESPACE, { annotations: { 'opencontrail.org/isolation': 'true' } });
  const nodes = { client: here, server: there, near: here, far: there };
  await lab.apply(Object.entries(nodes).map(([name, node]) => podManifest({ namespace: NAMESPACE, name, node }, idle)));
  await lab.podsReady(NAMESPACE);
  const server = (await lab.get<PodObject>(['pod', 'server', '-n', NAMESPACE]))?.status.podIP ?? '';
  const context = { lab, report, folder, server };
  await captured(context);
  for (const analyzer of ANALYZERS) await copied(analyzer, context);
  await ended(context);
  await refused(context);
}

/** Pings of the client that a capture at a pod has seen: `request`, `reply`, in order. */
async function seen(
  at: string,
  [filter, count]: readonly [filter: string, count: number],
  { lab, folder, server }: Context,
): Promise<readonly string[]> {
  const file = join(folder, `${at}.pcap`);
  const limits = ['--filter', filter, '--count', String(count), '--seconds', '15'];
  const flags = ['--kubeconfig', lab.kubeconfig, '--write', file];
  const capturing = contrailCommand(['capture', `${NAMESPACE}/${at}`, ...limits, ...flags]);
  const client = { namespace: NAMESPACE, name: 'client', container: 'main' };
  const ping = ['ping', '-q', '-c', '1', '-W', '1', server];
  for (let done = false; !done; ) {
    await lab.execInPod(client, ping);
    done = await Promise.race([capturing.then(() => true), new Promise<false>((end) => setTimeout(end, 300, false))]);
  }
  const { code, stderr } = await capturing;
  if (code !== 0) throw new Error(stderr);
  const { stdout } = await run('tcpdump', ['-nr', file, '-T', 'vxlan']);
  return Array.from(stdout.matchAll(/ICMP6?,? echo (request|reply)/g), ([, kind = '']) => kind);
}

/** Throws where a message is missing or is there twice; a capture may begin with a reply, and end with a request. */
function inTurn(kinds: readonly string[]): void {
  const isInTurn = kinds.every((kind, index) => kind !== kinds[index + 1]);
  if (!isInTurn || kinds.length < 4) throw new Error(kinds.join());
}

async function captured(context: Context): Promise<void> {
  const { report } = context;
  await report.check('capture writes what passes a pod’s interface, both ways', async () => {
    inTurn(await seen('client', ['icmp or (icmp6 and ip6[40] >= 128 and ip6[40] <= 129)', 4], context));
  });
}

async function copied(analyzer: string, context: Context): Promise<void> {
  const { lab, report } = context;
  await lab.kubectl([
    'annotate',
    'pod',
    'client',
    '-n',
    NAMESPACE,
    '--overwrite',
    `opencontrail.org/mirror=${analyzer}`,
  ]);
  await lab.waitFor('a tunnel for copies', async () => (await tunnels(lab)) === 1);
  await report.check(`the analyzer ${analyzer} is sent what the pod sends and is given`, async () => {
    // Of what the pod says to its neighbours there are copies, too.
    inTurn(await seen(analyzer, ['udp port 8472', 10], context));
  });
}

/** How many analyzers the client's node sends copies to. */
async function tunnels(lab: LabHandle): Promise<number> {
  const { stdout } = await lab.exec(lab.nodes[0] ?? '', ['ip', '-br', 'link', 'show', 'type', 'vxlan']);
  return stdout.match(/^ocm-/gm)?.length ?? 0;
}

/** An analyzer that goes takes its copies along, and another of its name has them again. */
async function ended({ lab, report }: Context): Promise<void> {
  await lab.kubectl(['delete', 'pod', 'far', '-n', NAMESPACE, '--now']);
  await report.check('no copies are sent to an analyzer that is gone', () =>
    lab.waitFor('no tunnel', async () => (await tunnels(lab)) === 0),
  );
  await report.check('the pod’s Event says why', () =>
    lab.waitFor('an Event', async () => {
      const fields = 'involvedObject.name=client,reason=MirrorUnserved';
      const messages = await lab.kubectl(['get', 'events', '-n', NAMESPACE, '--field-selector', fields, '-o', 'name']);
      return messages !== '';
    }),
  );
  await lab.apply([podManifest({ namespace: NAMESPACE, name: 'far', node: lab.nodes[1] ?? '' }, idle)]);
  await report.check('another pod of its name is sent them again', () =>
    lab.waitFor('a tunnel', async () => (await tunnels(lab)) === 1),
  );
  await lab.kubectl(['annotate', 'pod', 'client', '-n', NAMESPACE, 'opencontrail.org/mirror-']);
  await report.check('without the annotation no copies are sent', () =>
    lab.waitFor('no tunnel', async () => (await tunnels(lab)) === 0),
  );
}

async function refused({ lab, report }: Context): Promise<void> {
  const annotate = ['annotate', 'pod', 'client', '-n', NAMESPACE, 'opencontrail.org/mirror=two words'];
  const answer = await lab.kubectl(annotate).then(
    () => 'accepted',
    (error: unknown) => String(error),
  );
  report.equal('what is no pod’s name is refused at admission', /opencontrail\.org\/mirror/.test(answer), true);
}
