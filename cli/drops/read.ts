/** Refused connections of all nodes, with the names that Kubernetes has for their ends. */
import { messageOf } from '../../runtime/errors.ts';
import type { Cluster } from '../reach/cluster.ts';
import { type Directory, podName } from '../reach/directory.ts';
import { askPod, VROUTER_PORT } from '../reach/pods.ts';
import { restricting } from '../reach/policies.ts';
import { type Drop, dropsSchema, type NodeDrop } from './model.ts';

export interface Look {
  /** The latest first. */
  readonly drops: readonly Drop[];
  /** Nodes that could not be asked, with the reason. */
  readonly unasked: readonly string[];
}

/** Looks once at every node that runs the product. */
export async function readDrops(cluster: Cluster, directory: Directory): Promise<Look> {
  const unasked: string[] = [];
  const looks = await Promise.all(
    (await cluster.podsOf('node')).map(async ({ name: pod, node }) => {
      try {
        const said = await askPod({ pod, port: VROUTER_PORT, path: '/introspect/drops' }, cluster);
        return await Promise.all(dropsSchema.parse(said).map(async (drop) => await named(drop, node, directory)));
      } catch (error) {
        unasked.push(`node ${node} was not asked: ${messageOf(error)}`);
        return [];
      }
    }),
  );
  return { drops: looks.flat().sort((a, b) => a.secondsAgo - b.secondsAgo), unasked };
}

async function named(
  { from, to, groups, rules, ...drop }: NodeDrop,
  node: string,
  directory: Directory,
): Promise<Drop> {
  const [source, target] = await Promise.all(
    [from, to].map(({ address, network }) => directory.podAt(address, network)),
  );
  const { reason: direction } = drop;
  const pod = { ingress: target, egress: source, network: undefined, chain: undefined }[direction];
  const restricts =
    pod === undefined || direction === 'network' || direction === 'chain'
      ? groups.map((group) => `security group ${group}`)
      : restricting(groups, { direction, pod }, await directory.policies(pod.namespace));
  return {
    ...drop,
    node,
    from: source === undefined ? from.address : podName(source),
    to: target === undefined ? to.address : podName(target),
    by: rules.length > 0 ? rules : restricts,
    isByRule: rules.length > 0,
  };
}
