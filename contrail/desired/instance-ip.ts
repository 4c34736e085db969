/** An address of a pod in a network. Pure. */
import type { Names } from '../names.ts';
import type { ContrailObject, FqName } from '../objects.ts';
import { to } from './owner.ts';

/** An instance-ip. `fields` are its further properties and references. */
export function instanceIp(
  identity: {
    readonly uuid: string;
    /** The pod's name. */
    readonly pod: string;
    readonly network: FqName;
    readonly family: 'v4' | 'v6';
    /** Without one the server chooses, highest free first. */
    readonly address: string | undefined;
  },
  fields: Readonly<Record<string, unknown>>,
  names: Names,
): ContrailObject {
  const { uuid, pod, network, family, address } = identity;
  const fqName = names.podAddress(pod, uuid);
  return {
    type: 'instance-ip',
    uuid,
    fq_name: fqName,
    display_name: fqName[0] ?? '',
    instance_ip_family: family,
    ...(address === undefined ? {} : { instance_ip_address: address }),
    virtual_network_refs: [to(network)],
    ...fields,
  };
}
