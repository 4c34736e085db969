/** What nodes enforce is what the API's documentation says, on random worlds: both directions, both families, pods and others. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { world as worlds } from './arbitrary.ts';
import { flowsOf, verdictsOf } from './flows.ts';
import { egressAllowed, ingressAllowed } from './reference.ts';
import { stateOf } from './translated.ts';

/** More, or others, by hand: `POLICY_WORLDS=100000`, `POLICY_SEED=2`. */
const RUNS = Number(process.env['POLICY_WORLDS'] ?? 300);
const SEED = Number(process.env['POLICY_SEED'] ?? 20_261_128);

test(`compiled policies agree with the reference on ${RUNS} worlds`, () => {
  let judged = 0;
  let denied = 0;
  fc.assert(
    fc.property(worlds, (world) => {
      const verdict = verdictsOf(stateOf(world));
      for (const flow of flowsOf(world)) {
        const [egress, ingress] = [verdict('egress', flow), verdict('ingress', flow)];
        judged += 2;
        denied += Number(!egress) + Number(!ingress);
        if (egress !== egressAllowed(world, flow) || ingress !== ingressAllowed(world, flow))
          throw new Error(`${JSON.stringify(flow)}: egress ${egress}, ingress ${ingress}`);
      }
    }),
    { seed: SEED, numRuns: RUNS },
  );
  // Worlds in which nothing, or everything, is denied would agree with anything.
  expect(denied / judged).toBeGreaterThan(0.1);
  expect(denied / judged).toBeLessThan(0.9);
}, 3_600_000);
