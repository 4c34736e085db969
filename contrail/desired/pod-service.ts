/** A pod's interfaces that work for services of chains: their sides, and the tuples that they refer to (facts 7.6). Pure. */
import { uuidOf } from '../names.ts';
import type { ContrailObject } from '../objects.ts';
import { type End, type ReferenceObject, referenceBetween } from '../reference.ts';

/** A service that a pod works for. */
export interface PodService {
  /** The port-tuple that stands for the pod, in the colon form. */
  readonly tuple: string;
  /** Names of its interfaces. */
  readonly left: string;
  readonly right: string;
}

/** The side of an interface that works; one that no longer does keeps it, which means nothing without a tuple. */
export function sideOf(services: readonly PodService[], port: string): { readonly service_interface_type?: string } {
  const side = (['left', 'right'] as const).find((each) => services.some((service) => service[each] === port));
  return side === undefined ? {} : { service_interface_type: side };
}

/** An interface's references to its tuples: single ones, since operators may add theirs. */
export function tupleReferences(
  services: readonly PodService[],
  port: string,
  vmi: ContrailObject,
): readonly ReferenceObject[] {
  return services
    .filter(({ left, right }) => left === port || right === port)
    .map(({ tuple }) => referenceBetween(vmi, tupleNamed(tuple.split(':'))));
}

/** A tuple of ours, by its name. */
export function tupleNamed(fqName: readonly string[]): End {
  return { type: 'port-tuple', uuid: uuidOf('port-tuple', fqName), fq_name: fqName };
}
