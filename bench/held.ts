/** Programs of the product on the lab's nodes, held as they are while something else is measured. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LabHandle } from '../test/lab/handle.ts';

/** Those that work when Services change. */
const PROGRAMS = String.raw`^/opt/opencontrail/bin/node /opt/opencontrail/(vrouter|workers|proxy|contrail/server|cni/agent)/main\.ts`;

/** What was not answered meanwhile is noticed after this, at the latest: a connection that timed out, a probe. */
const NOTICED_MS = 5000;

/**
 * Holds them, or lets them go on, and waits until they are Ready again. Kernels go on as they are; probes end programs that are held for a
 * minute.
 */
export async function hold(lab: LabHandle, isHeld: boolean): Promise<void> {
  const script = `kill -${isHeld ? 'STOP' : 'CONT'} $(pgrep -f '${PROGRAMS}')`;
  await Promise.all(
    lab.nodes.map(async (node) => {
      const { code, stderr } = await lab.exec(node, ['sh', '-c', script]);
      if (code !== 0) throw new Error(stderr);
    }),
  );
  if (isHeld) return;
  await sleep(NOTICED_MS);
  await lab.podsReady('opencontrail');
}
