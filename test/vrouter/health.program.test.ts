/** Back ends that are asked for their health, by two vRouters with a config API: who is not well is left out on both nodes. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { TestWorld } from './config.ts';
import { binding, createProgramLab, type ProgramLab } from './lab/programs.ts';
import { WORLD as ALL } from './lab/world.ts';

jest.setTimeout(120_000);

const VIP = '10.96.0.20';
/** What curl ends with when nobody is connected to; a flow that is dropped ends with 28. */
const REFUSED = 7;
const { c1, c2, c3 } = ALL.pods;
const WORLD: TestWorld = {
  nodes: ALL.nodes,
  networks: {
    'ip-fabric': { id: 1, policies: ['fabric'] },
    c: { id: 5, subnet: '10.32.0.0/12', policies: ['fabric', 'services'] },
    s: { id: 7, subnet: '10.96.0.0/12', policies: ['fabric', 'services'] },
  },
  policies: { fabric: [['self', 'ip-fabric']], services: [['self', 's']] },
  pods: { c1, c2, c3 },
  services: {
    web: {
      vip: VIP,
      network: 's',
      monitor: { monitor_type: 'HTTP', url_path: '/healthz', delay: 1, timeout: 1, max_retries: 2 },
      ports: [
        {
          protocol: 'TCP',
          port: 80,
          backends: [
            ['c1', 8080],
            ['c2', 8080],
          ],
        },
      ],
    },
  },
};

let rig: ProgramLab;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vh-'));
  rig = await createProgramLab('vh', WORLD);
  for (const [pod, node] of [
    ['c1', 'n1'],
    ['c2', 'n2'],
    ['c3', 'n1'],
  ] as const) {
    await rig.lab.addPod(pod, WORLD);
    await rig.call(node, 'POST', '/vm', binding(pod));
    if (pod === 'c3') continue;
    mkdirSync(join(folder, pod));
    await writeFile(join(folder, pod, 'who'), pod);
    await heal(pod);
    rig.lab.background(pod, `busybox httpd -f -p 8080 -h ${join(folder, pod)}`);
  }
});

afterAll(async () => {
  await rig.down();
  await rm(folder, { recursive: true, force: true });
});

const healthFile = (pod: string): string => join(folder, pod, 'healthz');
const heal = async (pod: string): Promise<void> => writeFile(healthFile(pod), 'well');
const hurt = async (pod: string): Promise<void> => rm(healthFile(pod));

/** Who answers several connections, or how they fail. */
async function answers(from: string): Promise<string> {
  const seen = new Set<string>();
  for (let each = 0; each < 12; each += 1) {
    const { stdout, code } = await rig.lab.sh(from, `curl -s -m 2 http://${VIP}/who`);
    seen.add(code === 0 ? stdout : code === REFUSED ? 'refused' : `curl: ${code}`);
  }
  return [...seen].sort().join(' ');
}

async function untilAnswered(want: string): Promise<void> {
  const last = { c3: '', n2: '' };
  for (let tries = 0; tries < 40; tries += 1) {
    for (const from of ['c3', 'n2'] as const) last[from] = await answers(from);
    if (last.c3 === want && last.n2 === want) return;
    await sleep(200);
  }
  expect(last).toEqual({ c3: want, n2: want });
}

test('a back end that fails is left out on all nodes, though it serves', async () => {
  await untilAnswered('c1 c2');
  await hurt('c2');
  await untilAnswered('c1');
});

test('where nobody is well, the service is refused', async () => {
  await hurt('c1');
  await untilAnswered('refused');
});

test('who is well again is back on all nodes', async () => {
  await heal('c2');
  await untilAnswered('c2');
});

test('what was left out stays so for others while its node’s program is started anew', async () => {
  await rig.killVrouter('n1');
  rig.startVrouter('n1');
  await expect(answers('n2')).resolves.toBe('c2');
  await rig.untilAnswers('n1', '/readyz');
  await untilAnswered('c2');
  const { text } = await rig.call('n1', 'GET', '/introspect/health');
  expect(JSON.parse(text)).toMatchObject([{ address: c1.address, state: 'unwell', reason: 'HTTP status 404' }]);
  await heal('c1');
  await untilAnswered('c1 c2');
});
