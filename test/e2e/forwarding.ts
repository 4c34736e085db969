/** Networks that the underlay routes: pods' own addresses on the wire, between nodes and with the outside; and back into the tunnel. */
import type { LabHandle } from '../lab/handle.ts';
import { dialPod } from './dial.ts';
import { fetched, hostOf, inUrl } from './outside.ts';
import type { PodObject } from './pods.ts';
import type { Reporter } from './reporter.ts';

const NAMESPACE = 'forwarding';
const FLAG = 'opencontrail.org/ip_fabric_forwarding';
const PORT = 8080;

interface Context {
  readonly lab: LabHandle;
  readonly report: Reporter;
  /** The node that asks, its pod's name, and the address of the pod that is asked on another node. */
  readonly node: string;
  readonly client: string;
  readonly server: string;
}

/** Run by `npm run e2e -- forwarding`. */
export async function suite(lab: LabHandle, report: Reporter): Promise<void> {
  const [node = '', other = ''] = lab.nodes;
  await lab.createNamespace(NAMESPACE, { annotations: { 'opencontrail.org/isolation': 'true', [FLAG]: 'true' } });
  await lab.apply([node, other].map((each) => dialPod({ namespace: NAMESPACE, name: `on-${each}`, node: each })));
  await lab.podsReady(NAMESPACE);
  const pod = await lab.get<PodObject>(['pod', `on-${other}`, '-n', NAMESPACE]);
  const context = { lab, report, node, client: `on-${node}`, server: pod?.status.podIP ?? '' };
  await wire(context, 'as they are');
  await outside(context, other);
  await lab.kubectl(['annotate', 'namespace', NAMESPACE, '--overwrite', `${FLAG}=false`]);
  await wire(context, 'in the tunnel');
  await lab.kubectl(['annotate', 'namespace', NAMESPACE, '--overwrite', `${FLAG}=true`]);
  await wire(context, 'as they are');
}

/** How packets between pods of two nodes look on the underlay. */
async function wire({ lab, report, node, client, server }: Context, want: string): Promise<void> {
  await report.check(`between nodes, packets go ${want}`, () =>
    lab.waitFor(want, async () => {
      const seen = lab.exec(node, [
        'timeout',
        '3',
        'tcpdump',
        '-c',
        '1',
        '-nni',
        'eth0',
        `host ${server} and port ${PORT}`,
      ]);
      const url = `http://${inUrl(server)}:${PORT}/hostname`;
      const ask = `for i in 1 2 3 4 5; do timeout 2 wget -qO- ${url} || exit 1; sleep 0.3; done`;
      const { code } = await lab.execInPod({ namespace: NAMESPACE, name: client, container: 'shell' }, [
        'sh',
        '-c',
        ask,
      ]);
      if (code !== 0) throw new Error(`${client} does not reach ${server}`);
      return ((await seen).code === 0 ? 'as they are' : 'in the tunnel') === want;
    }),
  );
}

/** A machine outside that knows the way reaches the pod by its own address, and is seen as itself. */
async function outside({ lab, report, server }: Context, other: string): Promise<void> {
  const route = [server, 'via', lab.address(other)];
  await lab.exec('out', ['ip', 'route', 'replace', ...route]);
  lab.onCleanup(() => lab.exec('out', ['ip', 'route', 'del', ...route]));
  const own = lab.address('out');
  await report.check('outside → pod, by a route, the client’s address kept', () =>
    lab.waitFor(own, async () => hostOf(await fetched(lab, `http://${inUrl(server)}:${PORT}/clientip`)) === own),
  );
}
