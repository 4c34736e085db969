/** What a FloatingIP becomes: an address of a pool, on the interfaces of those who hold it (facts 7.4). Pure. */
import type { ContrailObject, FqName } from '../objects.ts';
import { annotationsFor } from '../ownership.ts';
import type { End } from '../reference.ts';
import { type Naming, ownerFor, to } from './owner.ts';
import type { Family } from './pod.ts';

export interface FloatingIpInput {
  readonly namespace: string;
  readonly name: string;
  /** The pool's fully qualified name. */
  readonly pool: FqName;
  readonly family: Family;
  /** Without one the config API gives one. */
  readonly address?: string;
  /** The interfaces of pods, or of a Service's load balancer. */
  readonly holders: readonly End[];
  readonly direction: 'both' | 'ingress' | 'egress';
  readonly ports: readonly FloatingPort[];
}

interface FloatingPort {
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly port: number;
  readonly targetPort?: number | undefined;
}

/** Everything under the key `FloatingIP/<namespace>/<name>`. */
export function desiredFloatingIp(input: FloatingIpInput, naming: Naming): readonly ContrailObject[] {
  const { namespace, name, direction, ports, holders } = input;
  const owner = ownerFor({ kind: 'FloatingIP', namespace, name }, naming);
  const mappings = ports.map(({ protocol, port, targetPort = port }) => ({
    protocol: protocol.toLowerCase(),
    src_port: port,
    dst_port: targetPort,
  }));
  const identity = { uuid: naming.names.floatingIpUuid(namespace, name), label: `${namespace}__${name}` };
  return [
    floatingIp(
      { ...input, ...identity },
      {
        floating_ip_traffic_direction: direction,
        floating_ip_port_mappings_enable: ports.length > 0,
        floating_ip_port_mappings: { port_mappings: mappings },
        project_refs: [to(naming.names.project(namespace))],
        virtual_machine_interface_refs: holders.map(({ fq_name: fqName }) => to(fqName)),
        ...annotationsFor(owner),
      },
    ),
  ];
}

/** A floating IP under its pool. `fields` are its further properties and references. */
export function floatingIp(
  identity: {
    readonly uuid: string;
    /** The last part of its name. */
    readonly label: string;
    readonly pool: FqName;
    readonly family: Family;
    readonly address?: string;
  },
  fields: Readonly<Record<string, unknown>>,
): ContrailObject {
  const { uuid, label, pool, family, address } = identity;
  return {
    type: 'floating-ip',
    uuid,
    fq_name: [...pool, label],
    parent_type: 'floating-ip-pool',
    display_name: label,
    floating_ip_address_family: family,
    ...(address === undefined ? {} : { floating_ip_address: address }),
    ...fields,
  };
}
