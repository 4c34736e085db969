/** The lab of the packet tests with the pods of their common world: each serves TCP 8080, and notes datagrams to UDP 9000. */
import { createLab, type Lab } from './nodes.ts';
import { OUTSIDE, WORLD } from './world.ts';

/** Nodes, pods and a machine outside; nothing is applied yet. */
export async function createPopulatedLab(prefix: string): Promise<Lab> {
  const lab = await createLab(prefix, WORLD.nodes);
  await lab.addOutside('out', OUTSIDE);
  for (const pod of Object.keys(WORLD.pods)) {
    await lab.addPod(pod, WORLD);
    lab.serve(pod, 8080);
    lab.listen(pod, 9000);
  }
  for (const machine of ['n1', 'n2', 'out']) lab.serve(machine, 6443);
  return lab;
}

/** Resolves when every pod's server answers. */
export async function whenServing(lab: Lab): Promise<void> {
  for (const pod of Object.keys(WORLD.pods)) {
    while ((await lab.reach(pod, '127.0.0.1')) === undefined);
  }
}
