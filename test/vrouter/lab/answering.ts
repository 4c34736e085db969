/** Who answers for which address of the outside's, among a lab's nodes. */
import { held } from '../../../vrouter/announce/choice.ts';
import { createNeighbours, type Neighbours } from '../../../vrouter/announce/neighbours.ts';
import { compile } from '../../../vrouter/compile/compile.ts';
import { type TestWorld, worldObjects } from '../config.ts';
import { inNamespace, type Lab } from './nodes.ts';

interface Answering {
  /** Underlay addresses, by name. */
  readonly nodes: Readonly<Record<string, string>>;
  readonly dead?: readonly string[];
  /** What the nodes have held before. */
  readonly known?: Map<string, Neighbours>;
}

/** Has each node that lives answer for what falls to it; by their names. */
export async function answering(
  lab: Lab,
  world: TestWorld,
  { nodes, dead = [], known = new Map() }: Answering,
): Promise<ReadonlyMap<string, Neighbours>> {
  const living = Object.entries(nodes).filter(([node]) => !dead.includes(node));
  const alive = new Set(living.map(([, address]) => address));
  for (const [node, address] of living) {
    const { announcements } = compile({ objects: worldObjects(world) }, node, { dead: new Set(dead) });
    const own = known.get(node) ?? createNeighbours(inNamespace(`${lab.prefix}-${node}`), { address, device: 'ocvx0' });
    known.set(node, own);
    await own.hold(held(announcements, { own: address, alive }));
  }
  return known;
}
