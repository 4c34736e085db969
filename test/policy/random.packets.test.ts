/** What packets do is what the API's documentation says, on random worlds: every pair, by TCP and UDP, in both families. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { world as worlds } from './arbitrary.ts';
import { answersOf } from './asking.ts';
import { everyFlowOf } from './flows.ts';
import { addressFrom, createKernels, type Kernels } from './kernels.ts';
import { egressAllowed, type Flow, ingressAllowed, type World } from './reference.ts';

/** More, or others, by hand: `POLICY_PACKET_WORLDS=300`, `POLICY_SEED=2`. */
const RUNS = Number(process.env['POLICY_PACKET_WORLDS'] ?? 30);
const SEED = Number(process.env['POLICY_SEED'] ?? 20_261_129);
/** The world that failed alone, by hand: the `path` that the failure tells. */
const PATH = process.env['POLICY_PATH'];
/** Worlds take a third of a second; one that fails is made smaller for as long as this leaves. */
const LIMIT_MS = 30_000 + 3_000 * RUNS;

let kernels: Kernels;

beforeAll(async () => {
  kernels = await createKernels();
});

afterAll(async () => kernels.down());

/** The flows of a world, as they are asked. */
function questionsOf(world: World) {
  return everyFlowOf(world).map((flow) => ({
    from: flow.from.ip,
    to: addressFrom(flow.from, flow.to),
    protocol: flow.protocol,
    port: flow.port,
    flow,
    isPassed: egressAllowed(world, flow) && ingressAllowed(world, flow),
  }));
}

test(`packets agree with the reference on ${RUNS} worlds`, async () => {
  let asked = 0;
  let refused = 0;
  const agreement = fc.asyncProperty(worlds, async (world) => {
    await kernels.apply(world);
    const questions = questionsOf(world);
    const byAsker = Map.groupBy(questions, ({ flow }) => kernels.askerOf(flow.from));
    const answered = await answersOf(byAsker, ({ isPassed }) => isPassed);
    asked += questions.length;
    refused += questions.filter(({ isPassed }) => !isPassed).length;
    const wrong = questions.filter((question) => question.isPassed !== answered.has(question));
    expect(wrong.map(lineOf)).toEqual([]);
  });
  const once = PATH === undefined ? {} : { path: PATH };
  const details = await fc.check(agreement, { seed: SEED, numRuns: RUNS, skipAllAfterTimeLimit: LIMIT_MS, ...once });
  if (details.failed)
    throw new Error(
      `${fc.defaultReportMessage(details)}\n\nThis world alone: POLICY_SEED=${details.seed} POLICY_PATH=${details.counterexamplePath} npm run unit -- test/policy/random.packets`,
      { cause: details.errorInstance },
    );
  // Worlds in which nothing, or everything, is refused would agree with anything.
  expect(refused / asked).toBeGreaterThan(0.1);
  expect(refused / asked).toBeLessThan(0.9);
}, 3_600_000);

function lineOf({ flow: { from, to, protocol, port }, isPassed }: { flow: Flow; isPassed: boolean }): string {
  return `${endOf(from)} → ${endOf(to)} ${protocol} ${port}: ${isPassed ? 'refused' : 'passed'}`;
}

function endOf({ ip, pod }: Flow['from']): string {
  return pod === undefined ? ip : `${pod.namespace}/${pod.name} ${ip}`;
}
