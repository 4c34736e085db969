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
  /** Further destinations that leave through it, where the default route does not. */
  readonly routes: readonly string[];
}

/**
 * The interfaces of a pod in the order of its annotation. The first is called what the runtime asked for (`ifname`)
 * and holds the default route (facts 3.3) where no other is to. `podMtu` is used where a port names none. A meta-plugin asks
 * for each by its name, and is given that one alone.
 */
export function interfacesOf(
  ports: readonly PodPort[],
  node: { readonly ifname: string; readonly podMtu: number; readonly oneByOne?: boolean },
): readonly Interface[] {
  const holder = ports.find(({ defaultRoute }) => defaultRoute === true) ?? ports[0];
  const named = ports.find(({ name }, index) => index > 0 && name === node.ifname);
  const asked = named === undefined ? ports.slice(0, node.oneByOne === true ? 1 : undefined) : [named];
  return asked.map((port) => ({
    name: port === ports[0] ? node.ifname : port.name,
    tap: tapName(port.vmi),
    vmi: port.vmi,
    networkId: port.networkId,
    mac: port.mac,
    addresses: port.ips,
    dns: port.dns,
    mtu: port.mtu > 0 ? port.mtu : node.podMtu,
    hasDefaultRoute: port === holder,
    routes: port.routes ?? [],
  }));
}
