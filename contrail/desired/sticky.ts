/** Addresses that are kept for a pod that is away: the same objects, of no interface, until its successor takes them over. Pure. */
import type { Names } from '../names.ts';
import { annotationOf, type ContrailObject, type FqName } from '../objects.ts';

/** The annotation of a sticky address: the names of all interfaces of its pod, so that from one all others are found. */
const STICKY = 'interfaces';

/** The annotation of each address of a pod with these interfaces. */
export function stickyMark(interfaces: readonly { readonly name: string }[]): Readonly<Record<string, string>> {
  return { [STICKY]: interfaces.map(({ name }) => name).join(',') };
}

/** The first interface is always there. */
const FIRST = 'eth0';
const FAMILIES = ['v4', 'v6'] as const;

/** The names under which addresses of a pod's interfaces are kept. */
export function stickyNames(
  pod: { readonly namespace: string; readonly name: string },
  interfaces: readonly string[],
  names: Names,
): readonly FqName[] {
  const { namespace, name } = pod;
  return interfaces.flatMap((port) =>
    FAMILIES.map((family) => names.podAddress(name, names.stickyAddressUuid(namespace, name, [port, family]))),
  );
}

/** The interfaces that a pod has addresses kept for, as those of its first say; only the first where there are none. */
export function stickyInterfaces(addresses: readonly ContrailObject[]): readonly string[] {
  const texts = addresses.flatMap((address) => annotationOf(address, STICKY) ?? []);
  return [...new Set([FIRST, ...texts.flatMap((text) => text.split(',')).filter((text) => text !== '')])];
}

/** What is to stand while the pod is away: its sticky addresses, unchanged but for their interface. */
export function keptAddresses(observed: readonly ContrailObject[]): readonly ContrailObject[] {
  return observed
    .filter((object) => object.type === 'instance-ip' && annotationOf(object, STICKY) !== undefined)
    .map(({ type, uuid, fq_name }) => ({ type, uuid, fq_name, virtual_machine_interface_refs: [] }));
}
