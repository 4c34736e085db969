/** Firewall policies on random worlds: what is explained and what the kernel is given are both what Contrail's agent would say. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compile } from '../../vrouter/compile/compile.ts';
import { policyVerdict } from '../../vrouter/compile/verdict.ts';
import type { Direction } from '../../vrouter/model/policy.ts';
import { vmiOf, worldObjects, type TestPod } from '../vrouter/config.ts';
import { kernelVerdict } from '../vrouter/kernel-verdict.ts';
import { firewallPasses, type FirewallWorld, type Rule, type Session, type Side } from './firewall-reference.ts';

/** More by hand: `POLICY_WORLDS=100000`. */
const RUNS = Number(process.env['POLICY_WORLDS'] ?? 100);
const SEED = 20_261_129;
const NUMBERS: Readonly<Record<string, number>> = { tcp: 6, udp: 17 };

const APPLICATIONS = ['shop', 'bank'];
const tags = fc
  .tuple(
    fc.constantFrom('', ...APPLICATIONS),
    fc.constantFrom('', 'web', 'db'),
    fc.constantFrom('', 'paris'),
    fc.subarray(['red', 'blue']),
  )
  .map(([application, tier, site, labels]) =>
    [
      ...(application ? [`application=${application}`] : []),
      ...(tier ? [`tier=${tier}`] : []),
      ...(site ? [`site=${site}`] : []),
      ...labels.map((label) => `label=${label}`),
    ].sort(),
  );
const end = fc.constantFrom(
  'any',
  'tier=web',
  'tier=db',
  'tier=web application=shop',
  'label=red',
  '10.32.0.0/30',
  '10.32.0.2/32',
  '0.0.0.0/0',
  '192.0.2.0/24',
  'group both',
  'group outside',
);
const rule: fc.Arbitrary<Rule> = fc.record({
  from: end,
  to: end,
  action: fc.constantFrom('pass', 'pass', 'deny'),
  direction: fc.constantFrom('<>', '>', '<'),
  protocol: fc.constantFrom('any', 'tcp', 'udp'),
  ports: fc.constantFrom([0, 65_535] as const, [80, 80] as const, [80, 443] as const, [443, 8080] as const),
  alike: fc.constantFrom<string[]>([], [], [], ['application'], ['tier', 'site']),
});
const policies = fc.record({
  one: fc.array(rule, { maxLength: 5 }),
  two: fc.array(rule, { maxLength: 5 }),
  three: fc.array(rule, { maxLength: 3 }),
});
const list = fc.shuffledSubarray(['one', 'two', 'three']);
const worlds: fc.Arbitrary<FirewallWorld> = fc.record({
  pods: fc
    .array(tags, { minLength: 2, maxLength: 6 })
    .map((all) => all.map((each, index) => ({ ip: `10.32.0.${index + 1}`, tags: each }))),
  policies,
  sets: fc.record({ all: list, shop: list, bank: list }, { requiredKeys: [] }),
  addressGroups: fc.constant({
    both: ['10.32.0.1/32', '192.0.2.0/25'],
    outside: ['192.0.2.128/25', '198.51.100.0/24'],
  }),
});
const OUTSIDE: readonly Side[] = ['192.0.2.7', '192.0.2.200', '203.0.113.1'].map((ip) => ({ ip, tags: [] }));

test(`compiled firewall policies agree with the reference on ${RUNS} worlds`, () => {
  const counts = { judged: 0, denied: 0 };
  fc.assert(
    fc.property(worlds, (world) => {
      const verdict = verdicts(world);
      for (const session of sessionsOf(world)) {
        for (const direction of ['egress', 'ingress'] as const) {
          const own = direction === 'egress' ? session.from : session.to;
          if (OUTSIDE.includes(own)) continue;
          const wanted = firewallPasses(world, own, session);
          const { explained, enforced } = verdict(direction, session);
          counts.judged += 1;
          counts.denied += Number(!wanted);
          if (explained !== wanted || enforced !== wanted)
            throw new Error(
              `${direction} ${JSON.stringify(session)}: ${JSON.stringify({ wanted, explained, enforced })}`,
            );
        }
      }
    }),
    { seed: SEED, numRuns: RUNS },
  );
  // Worlds in which nothing, or everything, is denied would agree with anything.
  expect(counts.denied / counts.judged).toBeGreaterThan(0.1);
  expect(counts.denied / counts.judged).toBeLessThan(0.9);
}, 3_600_000);

function verdicts(world: FirewallWorld) {
  const pods = Object.fromEntries(
    world.pods.map((pod): [string, TestPod] => [
      nameOf(pod),
      { network: 'c', address: pod.ip, node: 'n1', tags: pod.tags },
    ]),
  );
  const objects = worldObjects({
    nodes: { n1: '192.0.2.1' },
    networks: { c: { id: 5, subnet: '10.32.0.0/12' } },
    pods,
    firewall: world,
  });
  const state = compile({ objects }, 'n1');
  const hosts = new Map(state.ports.map(({ vmi }, index) => [vmi, `tap${index}`]));
  const byKernel = kernelVerdict(state, hosts);
  const policyOf = new Map(state.policies.map((policy) => [policy.vmi, policy]));
  return (direction: Direction, { from, to, protocol, port }: Session) => {
    const [own, other] = direction === 'ingress' ? [to, from] : [from, to];
    const vmi = vmiOf(nameOf(own));
    const flow = { peer: other.ip, protocol: NUMBERS[protocol] ?? 0, port };
    const said = policyVerdict(policyOf.get(vmi), direction, { flow, state });
    return {
      explained: said.kind === 'unrestricted' || said.isAllowed,
      enforced: byKernel({ ...flow, direction, host: hosts.get(vmi) ?? '', self: own.ip, pair: { from: 5, to: 5 } }),
    };
  };
}

function nameOf({ ip }: Side): string {
  return `p${ip.split('.').at(-1)}`;
}

function sessionsOf({ pods }: FirewallWorld): readonly Session[] {
  const all = [...pods, ...OUTSIDE];
  return all.flatMap((from) =>
    all
      .filter((to) => from !== to && !(OUTSIDE.includes(from) && OUTSIDE.includes(to)))
      .flatMap((to) =>
        Object.keys(NUMBERS).flatMap((protocol) => [80, 443, 8080, 9000].map((port) => ({ from, to, protocol, port }))),
      ),
  );
}
