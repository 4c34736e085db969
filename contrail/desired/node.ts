/** What a node becomes: a virtual router (facts 1.10). Pure. */
import { uuidOf } from '../names.ts';
import type { ContrailObject } from '../objects.ts';
import { annotationsFor } from '../ownership.ts';
import { type Naming, ownerFor } from './owner.ts';

export interface NodeInput {
  readonly name: string;
  /** The addresses by which other nodes reach it, the first IPv4 one is the tunnel's end. */
  readonly internalIps: readonly string[];
  /** Where it stands, as far as the cluster says: endpoints may be meant for a zone. */
  readonly zone?: string;
}

/** Everything under the key `Node/<name>`. A node without an address yet has no router. */
export function desiredNode(input: NodeInput, naming: Naming): readonly ContrailObject[] {
  const address = input.internalIps.find((ip) => !ip.includes(':')) ?? input.internalIps[0];
  if (address === undefined) return [];
  const fqName = naming.names.virtualRouter(input.name);
  return [
    {
      type: 'virtual-router',
      uuid: uuidOf('virtual-router', fqName),
      fq_name: fqName,
      parent_type: 'global-system-config',
      display_name: input.name,
      virtual_router_ip_address: address,
      ...annotationsFor(ownerFor({ kind: 'Node', name: input.name }, naming), {
        internal_ips: JSON.stringify(input.internalIps),
        zone: input.zone ?? '',
      }),
    },
  ];
}
