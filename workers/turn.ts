/** Whose turn a key takes in the queue, and how much of it. Pure. */
import { ANNOTATION } from '../kubernetes/annotations.ts';
import { portsOfPod } from '../kubernetes/ports.ts';
import { isWantedPod } from './desired/pod.ts';
import { parseKey } from './keys.ts';
import type { ClusterView } from './watch.ts';

/** Keys of one flow stand in one line; lines take turns, and one whose keys cost less gets more of them. */
export interface Turn {
  readonly flow: string;
  readonly cost: number;
}

/** A pod that waits for its port holds up the kubelet's ADD: of each kind of key it gets four turns to one. */
const WAITED_FOR = 1;
const ORDINARY = 4;

/** The flow is the key's kind in its namespace; pods that wait for their port have one of their own. */
export function turnOf(text: string, view: Pick<ClusterView, 'pods'>): Turn {
  const key = parseKey(text);
  if (key === undefined) return { flow: text.split('/', 1)[0] ?? text, cost: ORDINARY };
  const isWaitedFor = key.kind === 'Pod' && waitsForPort(`${key.namespace}/${key.name}`, view);
  const flow = `${key.kind}/${key.namespace}`;
  return isWaitedFor ? { flow: `${flow}/waiting`, cost: WAITED_FOR } : { flow, cost: ORDINARY };
}

function waitsForPort(name: string, { pods }: Pick<ClusterView, 'pods'>): boolean {
  const pod = pods.get(name);
  return pod !== undefined && isWantedPod(pod) && portsOfPod(pod.annotations[ANNOTATION.ports], pod.uid) === undefined;
}
