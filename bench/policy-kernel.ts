/** Rules in the kernel, between two nodes of network namespaces: what a change of one costs, and what packets that are judged do. */
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { tapName } from '../contrail/names.ts';
import { run as command } from '../test/lab/command.ts';
import { type TestWorld, vmiOf, worldObjects } from '../test/vrouter/config.ts';
import { createLab, type Lab } from '../test/vrouter/lab/nodes.ts';
import { receives, sends } from '../test/vrouter/policy-rules.ts';
import { compile } from '../vrouter/compile/compile.ts';
import type { KernelDocument } from '../vrouter/linux/document.ts';
import { render } from '../vrouter/linux/render.ts';
import { percentile, ratioLine } from './statistics.ts';

const FEW = 10;
const MANY = 10_000;
const SIZES = [FEW, 1_000, MANY];
const CHANGES = 15;
const ROUNDS = 3;
const PORT = 8080;

/** The lines of the report. */
export async function costsOfRules(): Promise<readonly string[]> {
  const lab = await createLab('vn', { n1: '192.0.2.1', n2: '192.0.2.2' });
  try {
    const world = worldOf(0);
    for (const name of Object.keys(world.pods ?? {})) await lab.addPod(name, world);
    return [await changes(lab), ...(await latencies(lab))];
  } finally {
    await lab.down();
  }
}

/** A pod that receives by so many rules of blocks, the client's the last, and by none where there are none. */
function worldOf(rules: number, port = PORT): TestWorld {
  const blocks = Array.from({ length: Math.max(0, rules - 1) }, (_, index) => `172.16.${index >> 8}.${index & 255}/32`);
  const peers = [
    ...blocks.map((peer, index) => ({ peer, port: index === 0 ? port : PORT })),
    { peer: '10.32.0.2/32', port: 0 },
  ];
  return {
    nodes: { n1: '192.0.2.1', n2: '192.0.2.2' },
    networks: { c: { id: 5, subnet: '10.32.0.0/12' } },
    groups: {
      judged: [
        ...peers.flatMap(({ peer, port: only }) =>
          receives({ peer, protocol: 'tcp', ports: only === 0 ? [0, 65_535] : [only, only] }),
        ),
        ...sends({ peer: 'all' }),
      ],
    },
    pods: {
      server: { network: 'c', address: '10.32.0.1', node: 'n1', ...(rules === 0 ? {} : { groups: ['judged'] }) },
      client: { network: 'c', address: '10.32.0.2', node: 'n2' },
    },
  };
}

/** One rule of many changes: from the difference to the kernel. */
async function changes(lab: Lab): Promise<string> {
  const medians: number[] = [];
  for (const size of [FEW, MANY]) {
    const documents = [worldOf(size), worldOf(size, PORT + 1)].map(documentOf);
    const samples: number[] = [];
    for (let round = 0; round <= CHANGES; round += 1) {
      const startedAt = performance.now();
      const { failures } = await lab.kernel('n1').apply(documents[round % 2] ?? documentOf(worldOf(size)));
      if (failures.size > 0) throw new Error(JSON.stringify([...failures]));
      // The first one loads them all.
      if (round > 0) samples.push(performance.now() - startedAt);
    }
    medians.push(percentile(samples, 0.5));
  }
  const [few = Number.NaN, many = Number.NaN] = medians;
  return ratioLine(`one rule changed among ${MANY} against among ${FEW}, p50`, many, few, 'ms');
}

function documentOf(world: TestWorld): KernelDocument {
  const bindings = new Map([[vmiOf('server'), tapName(vmiOf('server'))]]);
  return render(compile({ objects: worldObjects(world) }, 'n1'), bindings, { device: 'ocvx0', vxlanPort: 4789 });
}

/** Round trips per second of one TCP connection, in turn with each number of rules. */
async function latencies(lab: Lab): Promise<readonly string[]> {
  await command('apt-get', ['install', '-y', '-qq', 'qperf'], { env: { DEBIAN_FRONTEND: 'noninteractive' } });
  const rates = new Map<number, number[]>();
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const size of [0, ...SIZES]) {
      await lab.apply(worldOf(size));
      rates.set(size, [...(rates.get(size) ?? []), await requestRate(lab)]);
    }
  }
  const rateOf = (size: number): number => percentile(rates.get(size) ?? [], 0.5);
  return SIZES.map((size) =>
    ratioLine(`TCP request/response through ${size} rules against none`, rateOf(size), rateOf(0), '1/s'),
  );
}

async function requestRate({ prefix }: Lab): Promise<number> {
  const server = spawn('ip', ['netns', 'exec', `${prefix}-server`, 'qperf'], { stdio: 'ignore' });
  try {
    await sleep(300);
    const asked = ['qperf', '-t', '2', '-uu', '-v', '10.32.0.1', 'tcp_lat'];
    const { stdout } = await command('ip', ['netns', 'exec', `${prefix}-client`, ...asked]);
    // qperf counts the messages of both directions.
    return Number(/msg_rate\s*=\s*(\d+)/.exec(stdout)?.[1]) / 2;
  } finally {
    server.kill('SIGTERM');
    await sleep(100);
  }
}
