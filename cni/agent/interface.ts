/** A pod's interface as the agent makes it: the port that the workers assigned, with everything decided. Pure. */
import { tapName } from '../../contrail/names.ts';

/** One port of the annotation `opencontrail.org/ports`, as far as the agent reads it. */
export interface Port {
  readonly name: string;
  readonly vmi: string;
  readonly networkId: string;
  readonly mac: string;
  /** In CIDR form with the subnet's length. */
  readonly ips: readonly string[];
  readonly dns?: readonly string[] | undefined;
  /** Bytes; 0 or absent leaves it to the node. */
  readonly mtu?: number | undefined;
}

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
  ports: readonly Port[],
  node: { readonly ifname: string; readonly podMtu: number },
): readonly Interface[] {
  return ports.map((port, index) => ({
    name: index === 0 ? node.ifname : port.name,
    tap: tapName(port.vmi),
    vmi: port.vmi,
    networkId: port.networkId,
    mac: port.mac,
    addresses: port.ips,
    dns: port.dns ?? [],
    mtu: (port.mtu ?? 0) > 0 ? (port.mtu ?? 0) : node.podMtu,
    hasDefaultRoute: index === 0,
  }));
}
