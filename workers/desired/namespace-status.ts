/** What stands in a namespace's status annotation: what its running pods keep, and what they have gained. Pure. */
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import { type FabricFlags, fabricFlags } from '../../kubernetes/fabric-flags.ts';
import type { SlimNamespace } from '../../kubernetes/objects.ts';

/** Names in the annotation. */
const LISTED = 20;

/** What the status is made of. */
interface StatusInput {
  readonly mode: string;
  /** The pods that keep a network which a new one would not get. */
  readonly outdated: readonly string[];
  /** Whether the namespace has a network of its own, whose flags its annotations are. */
  readonly isolated: boolean;
  /** The flags that it has where it does not say. */
  readonly usual: FabricFlags;
}

/** The annotation's value, or `undefined` where every pod is where it would be now and no flag is asked for. */
export function namespaceStatus(namespace: SlimNamespace, input: StatusInput): string | undefined {
  const { mode, outdated } = input;
  const flags = flagsInForce(namespace, input);
  if (outdated.length === 0 && flags === undefined) return undefined;
  return JSON.stringify({ version: 1, mode, outdated: outdated.length, pods: outdated.slice(0, LISTED), ...flags });
}

/** Forwarding has precedence (facts 2.1), and the network of namespace `default` is the cluster's. */
function flagsInForce({ name, annotations }: SlimNamespace, { isolated, usual }: StatusInput) {
  if (annotations[ANNOTATION.snat] === undefined && annotations[ANNOTATION.forwarding] === undefined) return undefined;
  const { snat, forwarding } = fabricFlags(annotations, usual);
  const hasNetwork = isolated || name === 'default';
  return { snat: hasNetwork && snat && !forwarding, forwarding: hasNetwork && forwarding };
}
