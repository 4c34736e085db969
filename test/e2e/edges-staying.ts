/**
 * A router's address stays at its node while nodes do not hear each other, although both reach the API server and the outside, and while
 * the node's vRouter is restarted.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LabHandle } from '../lab/handle.ts';
import type { Reporter } from './reporter.ts';

const HEARTBEATS = 9093;
const TABLE = 'e2e_split';
/** Much longer than a node that has died takes to be followed. */
const SPLIT_MS = 5000;

interface Routed {
  readonly lab: LabHandle;
  readonly report: Reporter;
  readonly address: string;
  /** As whom the outside sees the pods of two nodes, the address's among them. */
  readonly seen: () => Promise<readonly string[]>;
}

/** For a router's address that is in use. */
export async function staysWhereItIs(routed: Routed): Promise<void> {
  const { lab, report, address } = routed;
  const [first = '', ...others] = await holdersOf(lab, address);
  report.equal(`${address}: answered for by one node`, others.length, 0);
  report.equal(`${address}: its Lease names that node`, (await leaseOf(lab, address)).holder, first);
  const join = await deafen(lab, first);
  await staysWhile(routed, 'nodes do not hear each other', async () => await sleep(SPLIT_MS));
  await join();
  await staysWhile(routed, `the vRouter of ${first} is restarted`, async () => await restart(lab, first));
}

async function staysWhile(
  { lab, report, address, seen }: Routed,
  title: string,
  action: () => Promise<unknown>,
): Promise<void> {
  const before = await leaseOf(lab, address);
  const counts = new Set<number>();
  const wrong = new Set<string>();
  const end = new AbortController();
  const over = action().finally(() => end.abort());
  for (; !end.signal.aborted; await sleep(100)) {
    counts.add((await holdersOf(lab, address)).length);
    for (const as of await seen()) if (as !== address) wrong.add(as);
  }
  await over;
  report.equal(`${address}: answered for by one node while ${title}`, [...counts].join(), '1');
  report.equal(`${address}: pods on both are seen as it meanwhile`, [...wrong].join(), '');
  report.equal(`${address}: has not changed hands`, (await leaseOf(lab, address)).transitions, before.transitions);
}

/** Its pod is replaced, as in a rolling update. */
async function restart(lab: LabHandle, node: string): Promise<void> {
  const ofNode = ['-l', 'app.kubernetes.io/component=node', '--field-selector', `spec.nodeName=${node}`];
  await lab.kubectl(['delete', 'pod', '-n', 'opencontrail', ...ofNode]);
  await lab.kubectl(['rollout', 'status', 'daemonset/node', '-n', 'opencontrail', '--timeout=120s']);
}

/** The nodes whose kernel answers for an address. */
async function holdersOf(lab: LabHandle, address: string): Promise<readonly string[]> {
  const family = address.includes(':') ? '-6' : '-4';
  const answers = await Promise.all(
    lab.nodes.map(async (node) => (await lab.exec(node, ['ip', family, 'neigh', 'show', 'proxy'])).stdout),
  );
  return lab.nodes.filter((_node, index) => answers[index]?.split(/\s+/).includes(address));
}

async function leaseOf(
  lab: LabHandle,
  address: string,
): Promise<{ readonly holder: string; readonly transitions: number }> {
  const labels = 'app.kubernetes.io/component=router-address';
  const leases = await lab.get<{ readonly items: readonly RouterLease[] }>([
    'lease',
    '-n',
    'opencontrail',
    '-l',
    labels,
  ]);
  const lease = leases?.items.find(({ metadata }) => metadata.annotations['opencontrail.org/address'] === address);
  return { holder: lease?.spec.holderIdentity ?? '', transitions: lease?.spec.leaseTransitions ?? -1 };
}

interface RouterLease {
  readonly metadata: { readonly annotations: Readonly<Record<string, string>> };
  readonly spec: { readonly holderIdentity?: string; readonly leaseTransitions?: number };
}

/** A node's heartbeats are lost, and those of others to it, and nothing else; answers what ends that. */
async function deafen(lab: LabHandle, node: string): Promise<() => Promise<unknown>> {
  const chains = ['input', 'output'].map(
    (hook) => `chain ${hook} { type filter hook ${hook} priority -500; udp dport ${HEARTBEATS} drop; }`,
  );
  const join = () => lab.exec(node, ['nft', 'destroy', 'table', 'inet', TABLE]);
  lab.onCleanup(join);
  await lab.exec(node, ['nft', `table inet ${TABLE} { ${chains.join(' ')} }`]);
  return join;
}
