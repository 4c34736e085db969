/** `kubectl contrail why` beside packets: what the nodes say of many flows at once. */
import { openCluster } from '../../cli/reach/cluster.ts';
import { createDirectory } from '../../cli/reach/directory.ts';
import { explain } from '../../cli/why/explain.ts';
import type { Flow } from '../../cli/why/model.ts';
import type { LabHandle, PodRef } from '../lab/handle.ts';

/** A flow from a pod, and whether packets say that it passes. */
export interface Observed extends Pick<Flow, 'to' | 'protocol' | 'port'> {
  readonly title: string;
  readonly from: PodRef;
  readonly isPassed: boolean;
}

/** The flows of which `why` says something else than packets. */
export async function contradictions(observed: readonly Observed[], lab: LabHandle): Promise<readonly string[]> {
  const cluster = await openCluster({ kubeconfig: lab.kubeconfig, context: '', productNamespace: 'opencontrail' });
  try {
    const directory = createDirectory(cluster.kube);
    const flows = observed.map(async ({ from, to, protocol, port }) => {
      const source = await directory.pod(from.namespace, from.name);
      if (source === undefined) throw new Error(`pod ${from.namespace}/${from.name} is gone`);
      return { source, to, what: to, protocol, port };
    });
    const answers = await explain(await Promise.all(flows), { cluster, directory });
    return observed.flatMap(({ title, isPassed }, index) => {
      const said = answers[index]?.verdict;
      return (said === 'allowed') === isPassed
        ? []
        : [`${title}: ${said} by why, ${isPassed ? 'passed' : 'refused'} by packets`];
    });
  } finally {
    cluster.close();
  }
}
