/** A pool at another interface of nodes: a second segment of the lab's, whose router is the machine outside, and what is behind it. */
import { run } from '../lab/command.ts';
import type { LabHandle } from '../lab/handle.ts';
import { netnsOf } from '../lab/names.ts';
import { type Family, familyOf, hostOf, inUrl } from './outside.ts';
import type { Reporter } from './reporter.ts';

const [DEVICE, POOL, PORT] = ['eth1', 'edges-eth1', 8080] as const;

/** Addresses of the segment, of its router, and of a client behind that, to which the nodes' own routes lead elsewhere. */
const SEGMENTS = {
  IPv4: { cidr: '203.0.113.0/24', router: '203.0.113.9', far: '198.51.100.9', ours: (n: number) => `203.0.113.${n}` },
  IPv6: {
    cidr: '2001:db8:1::/64',
    router: '2001:db8:1::9',
    far: '2001:db8:99::9',
    ours: (n: number) => `2001:db8:1::${n}`,
  },
} as const satisfies Record<Family, object>;

/** What the suite of edges has made: an namespace with `on-n1` and `on-n2`, and how it asks as whom they are seen. */
export interface ExternalContext {
  readonly lab: LabHandle;
  readonly report: Reporter;
  readonly namespace: string;
  readonly seenAs: (name: string, host: string) => Promise<string>;
}

/** In and out there, and another node where the interface goes down. */
export async function external(context: ExternalContext): Promise<void> {
  const { lab, report, namespace, seenAs } = context;
  const { far, ours } = SEGMENTS[familyOf(lab)];
  const [entry, egress] = [ours(230), ours(231)];
  await addSegment(lab);
  lab.onCleanup(() => lab.kubectl(['delete', 'floatingippool', POOL, '--ignore-not-found']));
  await lab.apply([poolAt(lab)]);
  const nodes = async () => lab.kubectl(['get', 'fipp', POOL, '-o', 'jsonpath={.status.nodes[*]}']);
  await report.check('the pool says which nodes have its interface', () =>
    lab.waitFor('n1 n2', async () => (await nodes()) === 'n1 n2'),
  );
  await lab.apply([
    object('FloatingIP', namespace, { pool: POOL, family: familyOf(lab), address: entry, pod: 'on-n1' }),
    object('LogicalRouter', namespace, { pool: POOL, networks: [{ kind: 'Namespace' }], addresses: [egress] }),
  ]);
  const becomes = async (title: string, probe: () => Promise<string>, want: string): Promise<void> =>
    report.check(title, () => lab.waitFor(want, async () => (await probe()) === want, { timeoutMs: 30_000 }));
  await becomes('behind its router → a floating address there', () => asked(lab, entry), far);
  await becomes('a pod with that address → behind its router, as that', () => seenAs('on-n1', far), entry);
  const fromPod = { namespace, name: 'on-n2', container: 'shell' };
  const host = `http://${inUrl(entry)}:${PORT}/hostname`;
  await becomes(
    'a pod on another node, which may go outside → the floating address there',
    async () => (await lab.execInPod(fromPod, ['timeout', '3', 'wget', '-qO-', host])).stdout.trim(),
    'on-n1',
  );
  await becomes(
    'another node → the floating address there',
    async () => (await lab.exec('n2', ['curl', '-g', '-s', '-m', '2', host])).stdout.trim(),
    'on-n1',
  );
  await becomes('a pod of a network whose router is there → behind it, as that', () => seenAs('on-n2', far), egress);
  // Of the router's address, whoever has it: one of these two is told that it has the interface no longer.
  for (const node of ['n1', 'n2']) {
    const started = performance.now();
    await lab.exec(node, ['ip', 'link', 'set', DEVICE, 'down']);
    await lab.waitFor('the router elsewhere', async () => (await seenAs('on-n2', far)) === egress, { everyMs: 50 });
    report.ok(`its router is served ${Math.round(performance.now() - started)} ms after ${node}’s interface went down`);
    await lab.exec(node, ['ip', 'link', 'set', DEVICE, 'up']);
    await lab.waitFor('both', async () => (await nodes()) !== '' && (await seenAs('on-n1', far)) === entry);
  }
  await lab.kubectl(['delete', 'lr,fip', 'at-eth1', '-n', namespace]);
}

/** A bridge in the control plane's machine, with the first two nodes, which have no address there, and the machine outside. */
async function addSegment(lab: LabHandle): Promise<void> {
  const { cidr, router, far } = SEGMENTS[familyOf(lab)];
  const hub = netnsOf('cp');
  const inHub = async (line: string): Promise<void> => void (await run('ip', ['-n', hub, ...line.split(' ')]));
  lab.onCleanup(async () => {
    for (const machine of MACHINES) await run('ip', ['-n', hub, 'link', 'del', `${machine}-2`], { allowFailure: true });
    await run('ip', ['-n', hub, 'link', 'del', 'second'], { allowFailure: true });
    await lab.exec('out', ['ip', 'addr', 'del', far, 'dev', 'lo']);
  });
  await inHub('link add name second type bridge');
  await inHub('link set second up');
  for (const machine of MACHINES) {
    await inHub(`link add name ${machine}-2 type veth peer name ${DEVICE} netns ${netnsOf(machine)}`);
    await inHub(`link set ${machine}-2 master second up`);
    await lab.exec(machine, ['ip', 'link', 'set', DEVICE, 'up']);
  }
  const nodad = router.includes(':') ? ['nodad'] : [];
  await lab.exec('out', ['ip', 'addr', 'add', `${router}/${cidr.split('/')[1]}`, 'dev', DEVICE, ...nodad]);
  await lab.exec('out', ['ip', 'addr', 'add', far, 'dev', 'lo', ...nodad]);
}

const MACHINES = ['n1', 'n2', 'out'] as const;

function poolAt(lab: LabHandle): object {
  const { cidr, router, ours } = SEGMENTS[familyOf(lab)];
  const subnets = [{ cidr, gateway: router, allocationPools: [{ start: ours(230), end: ours(239) }] }];
  const spec = { interface: DEVICE, subnets, loadBalancerClass: `opencontrail.org/${POOL}` };
  return { apiVersion: 'opencontrail.org/v1alpha1', kind: 'FloatingIPPool', metadata: { name: POOL }, spec };
}

function object(kind: string, namespace: string, spec: object): object {
  return { apiVersion: 'opencontrail.org/v1alpha1', kind, metadata: { namespace, name: 'at-eth1' }, spec };
}

/** As whom the pod behind an address sees the client that is behind the router. */
async function asked(lab: LabHandle, address: string): Promise<string> {
  const { far } = SEGMENTS[familyOf(lab)];
  const url = `http://${inUrl(address)}:${PORT}/clientip`;
  const { stdout } = await lab.exec('out', ['curl', '-g', '-s', '-m', '2', '--interface', far, url]);
  return hostOf(stdout.trim());
}
