/** A chain of one routed service against the same service reached by static routes, and one chain among five hundred against one alone. */
import { type TestWorld, through } from '../test/vrouter/config.ts';
import { createLab, type Lab } from '../test/vrouter/lab/nodes.ts';
import { type Ends, installTools, placeIn, requestRate, throughput } from './flows.ts';
import { createReferenceChain } from './reference-chain.ts';
import { percentile, ratioLine } from './statistics.ts';

const [ROUNDS, SECONDS, MANY] = [3, 2, 500] as const;
const LEFT = '10.9.1.0/24';
const RIGHT = '10.9.2.0/24';

interface Path extends Ends {
  readonly prepare: () => Promise<void>;
}

/** Measures the paths in turn, several rounds, and reports medians: an interruption of one round favours nobody. */
export async function run(): Promise<readonly string[]> {
  await installTools();
  const reference = await createReferenceChain();
  const lab = await createLab('vb', { n1: '192.0.2.1', n2: '192.0.2.2' });
  try {
    for (const name of ['client', 'server', 'left', 'right']) await lab.addPod(name, worldOf(1));
    await route(lab);
    const ours = { client: placeIn(lab, 'client', '10.9.1.1'), server: placeIn(lab, 'server', '10.9.2.1') };
    const paths: Readonly<Record<string, Path>> = {
      one: { ...ours, prepare: () => lab.applyOnly(worldOf(1)) },
      many: { ...ours, prepare: () => lab.applyOnly(worldOf(MANY)) },
      routes: { ...reference, prepare: async () => undefined },
    };
    const [streams, rates] = await measure(paths);
    return [...report('TCP throughput', 'Gbit/s', streams), ...report('TCP request/response', '1/s', rates)];
  } finally {
    await lab.down();
    await reference.remove();
  }
}

const pod = (network: string, address: string, node: string) => ({ network, address, node });

/** So many chains, each between two networks of its own; the first has the pods. */
function worldOf(chains: number): TestWorld {
  const all = Array.from({ length: chains }, (_, index) => index);
  const others = all.slice(1).flatMap((index) => [
    [`fl${index}`, { ...pod(`l${index}`, '10.9.1.9', 'n2'), of: [`fw${index}`, 'left'] }],
    [`fr${index}`, { ...pod(`r${index}`, '10.9.2.9', 'n2'), of: [`fw${index}`, 'right'] }],
    [`c${index}`, pod(`l${index}`, '10.9.1.1', 'n1')],
    [`s${index}`, pod(`r${index}`, '10.9.2.1', 'n2')],
  ]);
  return {
    nodes: { n1: '192.0.2.1', n2: '192.0.2.2' },
    networks: Object.fromEntries([
      ['ip-fabric', { id: 1 }],
      ...all.flatMap((index) => [
        [`l${index}`, { id: 100 + 2 * index, overlapping: true, subnet: LEFT, policies: [`chain${index}`] }],
        [`r${index}`, { id: 101 + 2 * index, overlapping: true, subnet: RIGHT, policies: [`chain${index}`] }],
      ]),
    ]),
    policies: Object.fromEntries(
      all.map((index) => [`chain${index}`, [[`l${index}`, `r${index}`, through(`fw${index}`)]]]),
    ),
    pods: {
      client: pod('l0', '10.9.1.1', 'n1'),
      server: pod('r0', '10.9.2.1', 'n2'),
      left: { ...pod('l0', '10.9.1.9', 'n2'), of: ['fw0', 'left'] },
      right: { ...pod('r0', '10.9.2.9', 'n2'), of: ['fw0', 'right'] },
      ...Object.fromEntries(others),
    },
    chained: Object.fromEntries(
      all.map((index) => [
        `fw${index}`,
        { mode: 'in-network', instances: [index === 0 ? ['left', 'right'] : [`fl${index}`, `fr${index}`]] },
      ]),
    ),
  };
}

/** Makes the service a router, as the reference's is. */
async function route(lab: Lab): Promise<void> {
  const { code, stderr } = await lab.sh(
    'fw0',
    `sysctl -qw net.ipv4.ip_forward=1
     for i in all left right; do sysctl -qw net.ipv4.conf.$i.rp_filter=0; done
     ip route add ${LEFT} via 169.254.1.1 dev left onlink
     ip route add ${RIGHT} via 169.254.1.1 dev right onlink`,
  );
  if (code !== 0) throw new Error(stderr);
}

type Figures = Readonly<Record<string, number>>;

/** Both figures of each path, since the kernel takes a while to be prepared. */
async function measure(paths: Readonly<Record<string, Path>>): Promise<readonly [streams: Figures, rates: Figures]> {
  const samples = Object.keys(paths).map((name) => ({ name, streams: [] as number[], rates: [] as number[] }));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const { name, streams, rates } of samples) {
      const path = paths[name];
      if (path === undefined) continue;
      await path.prepare();
      streams.push(await throughput(path, SECONDS));
      rates.push(await requestRate(path, SECONDS));
    }
  }
  const medians = (of: 'streams' | 'rates'): Figures =>
    Object.fromEntries(samples.map((sample) => [sample.name, percentile(sample[of], 0.5)]));
  return [medians('streams'), medians('rates')];
}

function report(what: string, unit: string, { one = 0, many = 0, routes = 0 }: Figures): readonly string[] {
  return [
    ratioLine(`${what} through a chain against static routes`, one, routes, unit),
    ratioLine(`${what} through one of ${MANY} chains against one alone`, many, one, unit),
  ];
}
