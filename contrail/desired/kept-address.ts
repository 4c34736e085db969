/** Addresses that a StatefulSet remembers, as they stood in a config database that is lost: without an interface, for the pod to come. Pure. */
import type { ContrailObject } from '../objects.ts';
import { annotationsFor } from '../ownership.ts';
import { instanceIp } from './instance-ip.ts';
import { type Naming, ownerFor } from './owner.ts';
import { familyOf } from './pod.ts';
import { stickyMark } from './sticky.ts';

export interface KeptPod {
  readonly namespace: string;
  readonly name: string;
  /** By interface; the network in the colon form. */
  readonly interfaces: readonly { readonly name: string; readonly network: string; readonly ips: readonly string[] }[];
}

/** The objects under the pod's name that its successor takes over. */
export function restoredAddresses({ namespace, name, interfaces }: KeptPod, naming: Naming): readonly ContrailObject[] {
  const { names } = naming;
  const marks = annotationsFor(ownerFor({ kind: 'Pod', namespace, name }, naming), stickyMark(interfaces));
  return interfaces.flatMap((port) =>
    port.ips.map((address) => {
      const family = familyOf(address);
      const uuid = names.stickyAddressUuid(namespace, name, [port.name, family]);
      return instanceIp({ uuid, pod: name, network: port.network.split(':'), family, address }, marks, names);
    }),
  );
}
