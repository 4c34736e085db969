/** Brings image archives onto the nodes. A pod must not ask before: after a failed pull the kubelet stays stubborn. */
import { run } from './command.ts';
import { machineCommand } from './machine.ts';
import { containerdSocket } from './node.ts';

/** Imports an archive in OCI layout on each of these nodes, at the same time. Importing twice changes nothing. */
export async function loadImage(archive: string, nodes: readonly string[]): Promise<void> {
  const command = ['ctr', '-a', containerdSocket, '-n', 'k8s.io', 'images', 'import', '--local', archive];
  await Promise.all(
    nodes.map(async (name) => {
      const [program, ...args] = machineCommand(name, command);
      await run(program, args);
    }),
  );
}
