/** What a random run leaves, judged by what anybody would compute anew. */
import type { Cluster } from '../../../cli/reach/cluster.ts';
import type { Installation } from '../../../cli/reach/config-api.ts';
import { askPod, VROUTER_PORT } from '../../../cli/reach/pods.ts';
import type { LabHandle } from '../../lab/handle.ts';
import type { Reporter } from '../reporter.ts';
import { kernelDifferences } from './kernel.ts';

/** Expects of every node's kernel what the config database says, and nothing else. */
export async function judgeKernels(
  lab: LabHandle,
  report: Reporter,
  { cluster, installation }: { readonly cluster: Cluster; readonly installation: Installation },
): Promise<void> {
  for (const { name: pod, node } of await cluster.podsOf('node')) {
    // As the agent bound them; the vRouter's own state is not asked for anything else.
    const ports = (await askPod({ pod, port: VROUTER_PORT, path: '/introspect/ports' }, cluster)) as Bound[];
    const bindings = new Map(ports.flatMap(({ vmi, device }) => (vmi === undefined ? [] : [[vmi, device] as const])));
    const run: Parameters<typeof kernelDifferences>[0]['run'] = async (command, input) =>
      await lab.exec(node, command, input === undefined ? {} : { input: String(input) });
    const differences = await kernelDifferences(
      { name: node, address: lab.address(node), run, bindings },
      installation.contrail,
    );
    report.equal(`the kernel of ${node} has what is computed anew`, differences.slice(0, 10), []);
  }
}

interface Bound {
  readonly device: string;
  readonly vmi?: string;
}
