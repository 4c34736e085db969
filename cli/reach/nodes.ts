/** Questions to the vRouters of nodes, each node's all at once. */
import { z } from 'zod';
import type { Cluster, ProductPod } from './cluster.ts';
import { askPod, VROUTER_PORT } from './pods.ts';

/** A question, and the node that can answer it. */
export interface NodeQuestion {
  readonly node: string;
  readonly question: object;
}

/** Security groups as they would be, and which of them interfaces would be in. */
export interface Hypothesis {
  readonly groups: readonly object[];
  readonly interfaces: readonly { readonly vmi: string; readonly groups: readonly (readonly string[])[] }[];
}

/** The answers in the order of the questions, `null` where the node knows nothing of it. Throws where a node cannot be asked. */
export async function askNodes<T>(
  asked: readonly NodeQuestion[],
  answer: z.ZodType<T>,
  { cluster, supposing }: { readonly cluster: Cluster; readonly supposing?: Hypothesis | undefined },
): Promise<readonly (T | null)[]> {
  const pods = await cluster.podsOf('node');
  const answers = new Map<NodeQuestion, T | null>();
  await Promise.all(
    [...Map.groupBy(asked, ({ node }) => node)].map(async ([node, own]) => {
      const pod = podOn(node, pods);
      const body = { questions: own.map(({ question }) => question), supposing };
      const said = await askPod({ pod: pod.name, port: VROUTER_PORT, path: '/introspect/verdicts', body }, cluster);
      const parsed = z.array(answer.nullable()).parse(said);
      own.forEach((question, index) => answers.set(question, parsed[index] ?? null));
    }),
  );
  return asked.map((question) => answers.get(question) ?? null);
}

/** The product's pod on a node, of those that `podsOf('node')` has found. Throws where there is none. */
export function podOn(node: string, pods: readonly ProductPod[]): ProductPod {
  const pod = pods.find((each) => each.node === node);
  if (pod === undefined) throw new Error(`node ${node} cannot be asked: the product has no Ready pod on it`);
  return pod;
}
