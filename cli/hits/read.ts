/** What rules have decided on all nodes. */
import { messageOf } from '../../runtime/errors.ts';
import type { Cluster } from '../reach/cluster.ts';
import { askPod, VROUTER_PORT } from '../reach/pods.ts';
import { hitCountSchema, type NodeHit } from './model.ts';

export interface Counted {
  readonly hits: readonly NodeHit[];
  /** Nodes that could not be asked, and nodes that have missed some, in words. */
  readonly problems: readonly string[];
  /** The shortest time that a node has counted for. */
  readonly forSeconds: number;
}

/** Asks every node that runs the product. */
export async function readHits(cluster: Cluster): Promise<Counted> {
  const problems: string[] = [];
  const nodes = await Promise.all(
    (await cluster.podsOf('node')).map(async ({ name: pod, node }) => {
      try {
        const count = hitCountSchema.parse(
          await askPod({ pod, port: VROUTER_PORT, path: '/introspect/hits' }, cluster),
        );
        if (!count.isComplete)
          problems.push(`node ${node} has had more connections at once than it notes: its counts are too low`);
        return [count];
      } catch (error) {
        problems.push(`node ${node} was not asked: ${messageOf(error)}`);
        return [];
      }
    }),
  );
  const counts = nodes.flat();
  return {
    hits: counts.flatMap(({ hits }) => hits),
    problems,
    forSeconds: counts.length === 0 ? 0 : Math.min(...counts.map(({ forSeconds }) => forSeconds)),
  };
}
