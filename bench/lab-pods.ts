/** Pods of the lab as places to measure from. */
import type { LabHandle } from '../test/lab/handle.ts';
import { machineCommand } from '../test/lab/machine.ts';
import type { Place } from './flows.ts';

/** A running pod, entered by its network namespace, so that the measuring programs are the machine's own. */
export async function placeOfPod(
  lab: LabHandle,
  { namespace, name, node }: { readonly namespace: string; readonly name: string; readonly node: string },
): Promise<Place> {
  const address = await lab.kubectl(['get', 'pod', '-n', namespace, name, '-o', 'jsonpath={.status.podIP}']);
  const find = `for n in /run/netns/*; do ip -n $(basename $n) -4 addr show eth0 2>/dev/null | grep -q 'inet ${address}/' && basename $n && exit; done`;
  const { stdout } = await lab.exec(node, ['sh', '-c', find]);
  const netns = stdout.trim();
  if (netns === '') throw new Error(`no network namespace on ${node} holds ${address}`);
  return { enter: machineCommand(node, ['ip', 'netns', 'exec', netns]), address };
}
