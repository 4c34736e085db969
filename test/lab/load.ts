/** Brings image archives onto the nodes. A pod must not ask before: after a failed pull the kubelet stays stubborn. */
import { existsSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { run } from './command.ts';
import { machineCommand, machineDir } from './machine.ts';
import { containerdSocket } from './node.ts';

/** The same for an archive whose name says its content: once per node. The note goes when the node's disk goes. */
export async function ensureImage(archive: string, nodes: readonly string[]): Promise<void> {
  const note = (node: string): string => join(machineDir(node), `loaded-${basename(archive)}`);
  const without = nodes.filter((node) => !existsSync(note(node)));
  await loadImage(archive, without);
  for (const node of without) writeFileSync(note(node), '');
}

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
