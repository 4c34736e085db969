/** A pod's interface as the agent makes it: the port that the workers assigned, with everything decided. Pure. */
import { tapName } from '../../contrail/names.ts';
import type { PodPort } from '../../kubernetes/ports.ts';

export interface Interface {
  /** Its name in the pod. */
  readonly name: string;
  /** Its host end's name. */
  readonly tap: string;
  readonly vmi: string;
  readonly networkId: string;
  readonly mac: string;
  /** In CIDR form with the subnet's length. */
  readonly addresses: readonly string[];
  readonly dns: readonly string[];
  readonly mtu: number;
  readonly hasDefaultRoute: boolean;
}

/**
 * The interfaces of a pod in the order of its annotation. The first is called what the runtime asked for (`ifname`)
 * and holds the default route (facts 3.3). `podMtu` is used where a port names none.
 */
export function interfacesOf(
  ports: readonly PodPort[],
  node: { readonly ifname: string; readonly podMtu: number },
): readonly Interface[] {
  return ports.map((port, index) => ({
    name: index === 0 ? node.ifname : port.name,
    tap: tapName(port.vmi),
    vmi: port.vmi,
    networkId: port.networkId,
    mac: port.mac,
    addresses: port.ips,
    dns: port.dns,
    mtu: port.mtu > 0 ? port.mtu : node.podMtu,
    hasDefaultRoute: index === 0,
  }));
}
