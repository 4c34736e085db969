/**
 * A pod's way to the outside under its node's address, and the outside's to a pod by a floating one, against rules of nftables that do
 * the same on the same path; and one floating address among a thousand against one alone.
 */
import { createNeighbours } from '../vrouter/announce/neighbours.ts';
import { type TestWorld } from '../test/vrouter/config.ts';
import { createLab, inNamespace } from '../test/vrouter/lab/nodes.ts';
import {
  connectionRate,
  type Figure,
  installTools,
  medians,
  type Path,
  placeIn,
  requestRate,
  throughput,
} from './flows.ts';
import { NODE, OUTSIDE, OUTWARD } from './outward-world.ts';
import { createReferenceEdges } from './reference-edges.ts';
import { ratioLine } from './statistics.ts';

const MANY = 1000;
const LENGTH = { rounds: 5, seconds: 2 } as const;
const FLOATING = '192.0.2.201';
const PODS = { plain: '10.32.0.1', floating: '10.32.0.2' } as const;

const FIGURES: readonly (readonly [what: string, unit: string, figure: Figure])[] = [
  ['TCP throughput', 'Gbit/s', throughput],
  ['TCP request/response', '1/s', requestRate],
  ['connections', '1/s', connectionRate],
];

/** Reports each figure of the three. */
export async function run(): Promise<readonly string[]> {
  await installTools();
  const reference = await createReferenceEdges();
  const lab = await createLab('vbe', { n1: NODE });
  try {
    await lab.addOutside('out', OUTSIDE);
    for (const name of Object.keys(PODS)) await lab.addPod(name, worldOf(1));
    await createNeighbours(inNamespace(`${lab.prefix}-n1`), { address: NODE, device: 'ocvx0' }).hold([
      { address: FLOATING },
    ]);
    const [outside, plain] = [placeIn(lab, 'out', OUTSIDE), placeIn(lab, 'plain', PODS.plain)];
    const entry = { client: outside, server: placeIn(lab, 'floating', FLOATING) };
    const paths = {
      out: { client: plain, server: outside, prepare: () => lab.applyOnly(worldOf(1)) },
      outByHand: reference.out,
      floating: { ...entry, prepare: () => lab.applyOnly(worldOf(1)) },
      floatingByHand: reference.floating,
      ofMany: { ...entry, prepare: () => lab.applyOnly(worldOf(MANY)) },
    } satisfies Record<string, Path>;
    const lines = [];
    for (const [what, unit, figure] of FIGURES) {
      const { out, outByHand, floating, floatingByHand, ofMany } = await medians(paths, figure, LENGTH);
      lines.push(
        ratioLine(`${what} under the node’s address against a rule by hand`, out, outByHand, unit),
        ratioLine(`${what} by a floating address against rules by hand`, floating, floatingByHand, unit),
        ratioLine(`${what} by one of ${MANY} floating addresses against one alone`, ofMany, floating, unit),
      );
    }
    return lines;
  } finally {
    await lab.down();
    await reference.remove();
  }
}

/** A network that may go outside, and so many floating addresses, the first with the pod. */
function worldOf(count: number): TestWorld {
  const others = Array.from({ length: count - 1 }, (_, index) => {
    const [high, low] = [Math.floor(index / 250), index % 250];
    return { name: `f${index}`, pod: `10.33.${high}.${low}`, floating: `198.18.${high}.${low}` };
  });
  return {
    ...OUTWARD,
    pods: Object.fromEntries([
      ...Object.entries(PODS).map(([name, address]) => [name, { network: 'c', address, node: 'n1' }]),
      ...others.map(({ name, pod }) => [name, { network: 'c', address: pod, node: 'n1' }]),
    ]),
    floating: Object.fromEntries([
      [FLOATING, { pods: ['floating'] }],
      ...others.map(({ name, floating }) => [floating, { pods: [name] }]),
    ]),
  };
}
