/** Programs of the product on the lab's nodes, held as they are while something else is measured. */
import type { LabHandle } from '../test/lab/handle.ts';

/** Those that work when Services change. */
const PROGRAMS = String.raw`^/opt/opencontrail/bin/node /opt/opencontrail/(vrouter|workers|proxy|contrail/server|cni/agent)/main\.ts`;

/** Holds them, or lets them go on. Kernels go on as they are; probes end programs that are held for a minute. */
export async function hold(lab: LabHandle, isHeld: boolean): Promise<void> {
  const script = `kill -${isHeld ? 'STOP' : 'CONT'} $(pgrep -f '${PROGRAMS}')`;
  await Promise.all(
    lab.nodes.map(async (node) => {
      const { code, stderr } = await lab.exec(node, ['sh', '-c', script]);
      if (code !== 0) throw new Error(stderr);
    }),
  );
}
