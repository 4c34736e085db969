/** NetworkPolicy on a running cluster, by packets: each step's policies, then every pair of pods against the documentation. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { LabHandle } from '../lab/handle.ts';
import type { Pod, Policy, World } from '../policy/reference.ts';
import { contrailCommand } from './command-line.ts';
import { addressOf, dialService } from './dial.ts';
import { contradictions } from './explained.ts';
import { differences, expectedFlows, policyPod, silentFromTheStart } from './policy-probe.ts';
import type { Reporter } from './reporter.ts';

interface Context {
  readonly lab: LabHandle;
  readonly report: Reporter;
  readonly world: World;
}

const [X, Y] = ['policy-x', 'policy-y'];

/** Run by `npm run e2e -- policy`. */
export async function suite(lab: LabHandle, report: Reporter): Promise<void> {
  const context = { lab, report, world: await setUp(lab) };
  for (const [title, policies] of STEPS) await step(title, policies, context);
  await labelsChange(context);
  await ownTraffic(context);
  await toldToOperators(context);
  await beforeTheFirstInstruction(context);
  await establishedConnections(context);
}

async function setUp(lab: LabHandle): Promise<World> {
  const namespaces = { [X]: { team: 'x' }, [Y]: { team: 'y' } };
  for (const [name, labels] of Object.entries(namespaces)) await lab.createNamespace(name, { labels });
  const [near = '', far = near] = lab.nodes;
  const wanted = [
    { namespace: X, name: 'a', node: near, web: 8080 },
    { namespace: X, name: 'b', node: far, web: 8081 },
    { namespace: X, name: 'c', node: near, web: 8080 },
    { namespace: Y, name: 'a', node: far, web: 8080 },
    { namespace: Y, name: 'b', node: near, web: 8080 },
  ] as const;
  const pods: Pod[] = wanted.map(({ namespace, name, web }) => ({
    namespace,
    name,
    labels: { app: name },
    ips: [],
    ports: [{ name: 'web', protocol: 'TCP', containerPort: web }],
  }));
  await lab.apply(pods.map((pod, index) => policyPod(pod, wanted[index]?.node ?? near, wanted[index]?.web ?? 8080)));
  for (const namespace of [X, Y]) await lab.podsReady(namespace);
  for (const pod of pods) pod.ips = [await addressOf('pod', pod.namespace, pod.name, lab)];
  return {
    namespaces: Object.fromEntries(
      Object.entries(namespaces).map(([name, labels]) => [name, { ...labels, 'kubernetes.io/metadata.name': name }]),
    ),
    pods,
    policies: [],
  };
}

const every = {};
const app = (name: string) => ({ matchLabels: { app: name } });

function policy(namespace: string, name: string, spec: Policy['spec']): Policy {
  return { metadata: { namespace, name, uid: '' }, spec };
}

const DENY = policy(X, 'deny', { podSelector: every, policyTypes: ['Ingress', 'Egress'] });
/** Steps on the same pods; `$a` in a block stands for the address of that pod of the first namespace. */
const STEPS: readonly (readonly [title: string, policies: readonly Policy[]])[] = [
  ['nothing is denied without a policy', []],
  ['a policy without rules denies its direction', [policy(X, 'in', { podSelector: every })]],
  ['both directions are denied', [DENY]],
  [
    'policies add to each other, and both ends judge',
    [
      DENY,
      policy(X, 'to-a', { podSelector: app('a'), ingress: [{ from: [{ podSelector: app('b') }] }] }),
      policy(X, 'from-b', {
        podSelector: app('b'),
        policyTypes: ['Egress'],
        egress: [{ to: [{ podSelector: every }] }],
      }),
    ],
  ],
  [
    'selectors of namespaces and expressions',
    [
      policy(X, 'peers', {
        podSelector: { matchExpressions: [{ key: 'app', operator: 'In', values: ['a', 'b'] }] },
        ingress: [
          {
            from: [
              {
                namespaceSelector: { matchExpressions: [{ key: 'team', operator: 'NotIn', values: ['x'] }] },
                podSelector: {
                  matchExpressions: [
                    { key: 'app', operator: 'Exists' },
                    { key: 'app', operator: 'NotIn', values: ['b'] },
                  ],
                },
              },
            ],
          },
          { from: [{ podSelector: app('c') }], ports: [{ port: 8081 }] },
        ],
      }),
    ],
  ],
  [
    'a named port is what it is in each pod, in both directions',
    [
      policy(X, 'named', { podSelector: every, ingress: [{ ports: [{ port: 'web' }] }] }),
      policy(Y, 'named', { podSelector: app('b'), policyTypes: ['Egress'], egress: [{ ports: [{ port: 'web' }] }] }),
    ],
  ],
  [
    'a range of ports, and protocols apart',
    [
      policy(X, 'range', {
        podSelector: every,
        ingress: [{ ports: [{ port: 8081, endPort: 8082 }] }, { ports: [{ protocol: 'SCTP', port: 8080 }] }],
      }),
      policy(Y, 'udp', { podSelector: every, ingress: [{ ports: [{ protocol: 'UDP' }] }] }),
    ],
  ],
  [
    'blocks, with exceptions',
    [
      policy(Y, 'block', {
        podSelector: every,
        ingress: [{ from: [{ ipBlock: { cidr: '0.0.0.0/0', except: ['$a/32'] } }] }],
      }),
      policy(X, 'block', {
        podSelector: app('c'),
        policyTypes: ['Egress'],
        egress: [{ to: [{ ipBlock: { cidr: '$a/32' } }], ports: [{ port: 8080 }] }],
      }),
    ],
  ],
];

async function step(title: string, policies: readonly Policy[], context: Context): Promise<void> {
  const own = context.world.pods.find(({ namespace, name }) => namespace === X && name === 'a');
  const resolved = JSON.parse(JSON.stringify(policies).replaceAll('$a', own?.ips[0] ?? '')) as Policy[];
  await replacePolicies(resolved, context.lab);
  await agrees(title, { ...context, world: { ...context.world, policies: resolved } });
}

async function agrees(title: string, { lab, report, world }: Context): Promise<void> {
  report.equal(title, await differences(world, lab), []);
  report.equal(`${title}, and why says so`, await contradictions(expectedFlows(world), lab), []);
}

async function replacePolicies(policies: readonly Policy[], lab: LabHandle): Promise<void> {
  for (const namespace of [X, Y]) {
    const own = policies.filter(({ metadata }) => metadata.namespace === namespace);
    const kept = new Set(own.map(({ metadata }) => metadata.name));
    const present = await lab.kubectl([
      'get',
      'networkpolicy',
      '-n',
      namespace,
      '-o',
      'jsonpath={.items[*].metadata.name}',
    ]);
    const gone = present.split(' ').filter((name) => name !== '' && !kept.has(name));
    if (gone.length > 0) await lab.kubectl(['delete', 'networkpolicy', '-n', namespace, ...gone]);
  }
  if (policies.length > 0) await lab.apply(policies.map(manifest));
}

function manifest({ metadata: { namespace, name }, spec }: Policy): object {
  return { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { namespace, name }, spec };
}

async function labelsChange(context: Context): Promise<void> {
  const { lab, world } = context;
  const policies = [
    policy(X, 'team', {
      podSelector: app('a'),
      ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: 'z' } } }, { podSelector: app('z') }] }],
    }),
  ];
  await replacePolicies(policies, lab);
  await agrees('nobody has the labels yet', { ...context, world: { ...world, policies } });
  await lab.kubectl(['label', 'namespace', Y, 'team=z', '--overwrite']);
  const labelled = { ...world.namespaces, [Y]: { ...world.namespaces[Y], team: 'z' } };
  await agrees('a namespace’s label is followed', { ...context, world: { ...world, namespaces: labelled, policies } });
  await lab.kubectl(['label', 'pod', 'c', '-n', X, 'app=z', '--overwrite']);
  const pods = world.pods.map((pod) =>
    pod.namespace === X && pod.name === 'c' ? { ...pod, labels: { app: 'z' } } : pod,
  );
  await agrees('a pod’s label is followed', { ...context, world: { ...world, namespaces: labelled, pods, policies } });
  await lab.kubectl(['label', 'namespace', Y, 'team=y', '--overwrite']);
  await lab.kubectl(['label', 'pod', 'c', '-n', X, 'app=c', '--overwrite']);
  await agrees('and followed back', { ...context, world: { ...world, policies } });
}

/** While everything is denied: the verdict by `why`, and the refused connection by `drops`, both with the policy's name. */
async function toldToOperators({ lab, report }: Context): Promise<void> {
  const flags = ['--kubeconfig', lab.kubeconfig];
  const { code, stdout } = await contrailCommand(['why', `${X}/b`, `${Y}/a`, '--port', '8080', ...flags]);
  const reason = new RegExp(`egress of pod ${X}/b on n\\d: denied: NetworkPolicy ${X}/deny restricts it`);
  report.equal('why denies it by the policy’s name', [code, reason.test(stdout)], [1, true]);
  const folder = mkdtempSync(join(tmpdir(), 'oc-what-if-'));
  lab.onCleanup(async () => rmSync(folder, { recursive: true }));
  const file = join(folder, 'policy.yaml');
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(manifest(policy(X, 'deny', { podSelector: every, policyTypes: ['Ingress'] }))));
  const supposed = await contrailCommand(['why', `${X}/b`, `${Y}/a`, '--port', '8080', '--what-if', file, ...flags]);
  report.equal('with a policy that speaks of ingress alone in its place it would pass', supposed.code, 0);
  const own = await addressOf('pod', Y, 'a', lab);
  await lab.execInPod({ namespace: X, name: 'b', container: 'shell' }, ['timeout', '1', 'nc', '-w', '1', own, '8080']);
  const drops = await contrailCommand(['drops', '--json', ...flags]);
  const told = drops.stdout
    .split('\n')
    .filter((line) => line.includes('"egress"') && line.includes(`"from":"pod ${X}/b"`) && line.includes('"port":8080'))
    .map((line) => JSON.parse(line) as { readonly to: string; readonly by: readonly string[] });
  report.equal(
    'drops names both pods and the policy',
    told.filter(({ to }) => to === `pod ${Y}/a`).map(({ by }) => by),
    [[`NetworkPolicy ${X}/deny`]],
  );
  await counted({ lab, report });
}

/** While pods of the one namespace may speak with each other alone. */
async function counted({ lab, report }: Pick<Context, 'lab' | 'report'>): Promise<void> {
  const ingress = [{ ports: [{ port: 9999 }] }, { from: [{ podSelector: every }] }];
  await replacePolicies([policy(X, 'count', { podSelector: app('a'), ingress })], lab);
  const own = await addressOf('pod', X, 'a', lab);
  const ask = async (namespace: string): Promise<void> => {
    const command = ['timeout', '2', 'nc', '-w', '1', own, '8080'];
    await lab.execInPod({ namespace, name: 'b', container: 'shell' }, command);
  };
  await report.check('hits counts for the rule that allows, and for the policy that refuses', () =>
    lab.waitFor('counts by rule', async () => {
      await ask(X);
      await ask(Y);
      const { stdout } = await contrailCommand(['hits', '--all', '--json', '--kubeconfig', lab.kubeconfig]);
      return isDeepStrictEqual(countedRules(stdout), [
        ['ingress, no rule', false, true],
        ['spec.ingress[0]', false, false],
        ['spec.ingress[1]', true, false],
      ]);
    }),
  );
}

/** Rules of the policy `count`, and whether each has let something pass, and refused something. */
function countedRules(json: string): readonly (readonly [rule: string, allowed: boolean, refused: boolean])[] {
  if (json === '') return [];
  const { rules } = JSON.parse(json) as {
    readonly rules: readonly { policy: string; rule?: string; allowed: number; refused: number }[];
  };
  return rules
    .filter((rule) => rule.policy === `NetworkPolicy ${X}/count`)
    .map(({ rule = 'ingress, no rule', allowed, refused }) => [rule, allowed > 0, refused > 0]);
}

/** Probes, the node, and a pod's own service: all of it goes on although everything is denied. */
async function ownTraffic({ lab, report, world }: Context): Promise<void> {
  await replacePolicies([DENY], lab);
  await lab.apply([dialService({ namespace: X, name: 'self' }, { app: 'a' })]);
  const vip = await addressOf('service', X, 'self', lab);
  const ask = `printf 'GET /hostname HTTP/1.0\\r\\n\\r\\n' | timeout 2 nc -w 1 ${vip} 8080 | tail -1`;
  await report.check('a denied pod reaches itself through its service', () =>
    lab.waitFor('its own name', async () => {
      const { stdout } = await lab.execInPod({ namespace: X, name: 'a', container: 'shell' }, ['sh', '-c', ask]);
      return stdout.trim() === 'a';
    }),
  );
  const own = world.pods.find(({ namespace, name }) => namespace === X && name === 'a')?.ips[0] ?? '';
  const [host = '', other = ''] = lab.nodes;
  const fromHost = await lab.exec(host, ['sh', '-c', `curl -s -m 2 http://${own}:8080/hostname || true`]);
  report.equal('the node reaches a denied pod that it hosts', fromHost.stdout.trim(), 'a');
  const fromOther = await lab.exec(other, ['sh', '-c', `curl -s -m 2 http://${own}:8080/hostname || true`]);
  report.equal('another node does not', fromOther.stdout.trim(), '');
  const ready = await lab.kubectl([
    'get',
    'pods',
    '-n',
    X,
    '-o',
    'jsonpath={.items[*].status.containerStatuses[*].ready}',
  ]);
  report.equal('probes of denied pods succeed', new Set(ready.split(' ')), new Set(['true']));
}

/** A pod that a policy selects is never without it: it asks from its first instruction on, and nothing answers. */
async function beforeTheFirstInstruction({ lab, report, world }: Context): Promise<void> {
  const target = world.pods.find(({ namespace, name }) => namespace === Y && name === 'a')?.ips[0] ?? '';
  await replacePolicies([policy(X, 'silent', { podSelector: app('silent'), policyTypes: ['Egress'] })], lab);
  const names = lab.nodes.flatMap((node) => [0, 1, 2].map((index) => ({ node, name: `silent-${node}-${index}` })));
  await silentFromTheStart({ lab, report }, { namespace: X, names, target, tries: 20 });
}

async function establishedConnections({ lab, report, world }: Context): Promise<void> {
  await replacePolicies([], lab);
  const target = world.pods.find(({ namespace, name }) => namespace === X && name === 'b')?.ips[0] ?? '';
  const from = { namespace: Y, name: 'a', container: 'shell' };
  // One connection, a request each 0.2 s; each answer has a line with the name of the one who answers.
  const request = `printf 'GET /hostname HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'`;
  const ask = `(while :; do ${request}; sleep 0.2; done) | timeout 120 nc ${target} 8080 > /tmp/answers`;
  await lab.execInPod(from, ['sh', '-c', `(${ask}) >/dev/null 2>&1 &`]);
  const answers = async (): Promise<number> =>
    Number((await lab.execInPod(from, ['sh', '-c', "tr -d '\\r' < /tmp/answers | grep -c '^b'"])).stdout.trim());
  await lab.waitFor('answers on the connection', async () => (await answers()) > 3);
  await replacePolicies([policy(X, 'shut', { podSelector: app('b') })], lab);
  await report.check('an established connection ends when a policy forbids it', () =>
    lab.waitFor(
      'no more answers',
      async () => {
        const before = await answers();
        await sleep(2_000);
        return (await answers()) === before;
      },
      { timeoutMs: 20_000 },
    ),
  );
  await replacePolicies([], lab);
}
