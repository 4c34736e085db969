/** A pod's interfaces whose traffic is copied to another pod, the analyzer. Pure. */
import type { ContrailObject, InterfaceMirror, MirrorAction, VirtualMachineInterface } from '../objects.ts';

/** Whom copies are sent to. */
export interface PodMirror {
  /** The name of the analyzer's virtual machine. */
  readonly analyzer: string;
  readonly address: string;
  /** The analyzer's network, in the colon form. */
  readonly network: string;
}

/** Copies of everything, as bare frames: a header of Juniper's is known to few analyzers. */
export function interfaceMirror(mirror: PodMirror): InterfaceMirror {
  return { traffic_direction: 'both', mirror_to: mirrorAction(mirror) };
}

/** The same of what a policy's rule lets pass. */
export function mirrorAction({ analyzer, address, network }: PodMirror): MirrorAction {
  return {
    analyzer_name: analyzer,
    analyzer_ip_address: address,
    routing_instance: `${network}:${network.split(':').at(-1)}`,
    juniper_header: false,
  };
}

/** Whether interfaces are copied to a machine whose name begins like that; an operator may have chosen another analyzer. */
export function isMirrored(found: readonly ContrailObject[], machines: string): boolean {
  return found.some((object) => {
    if (object.type !== 'virtual-machine-interface') return false;
    const { virtual_machine_interface_properties: properties } = object as VirtualMachineInterface;
    return properties?.interface_mirror?.mirror_to.analyzer_name?.startsWith(machines) === true;
  });
}
