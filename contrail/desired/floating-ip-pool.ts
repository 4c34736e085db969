/** What a FloatingIPPool becomes: a network of the outside's addresses with a floating IP pool (facts 5.4). Pure. */
import { uuidOf } from '../names.ts';
import type { ContrailObject } from '../objects.ts';
import { annotationsFor } from '../ownership.ts';
import { providerOf } from '../provider.ts';
import { subnetNetwork } from './network.ts';
import { type Naming, ownerFor } from './owner.ts';
import { subnetOf, type SubnetInput } from './virtual-network.ts';

export interface FloatingIpPoolInput {
  readonly name: string;
  readonly subnets: readonly SubnetInput[];
  /** Of nodes, that its network is at; absent where that is the fabric's. */
  readonly interface?: string;
}

/** Everything under the key `FloatingIPPool/<name>`. Throws a `RangeError` for a subnet that gives nothing away. */
export function desiredFloatingIpPool(input: FloatingIpPoolInput, naming: Naming): readonly ContrailObject[] {
  const { name, subnets } = input;
  const { names } = naming;
  const owner = ownerFor({ kind: 'FloatingIPPool', name }, naming);
  const [fqName, ipam, pool] = [names.floatingNetwork(name), names.floatingIpam(name), names.floatingIpPool(name)];
  const attached = input.interface === undefined ? {} : { provider_properties: providerOf(input.interface) };
  const whole = input.interface === undefined ? subnets : subnets.map(withRouter);
  const network = { fqName, ipam, name, subnets: whole.map(subnetOf) };
  return [
    ...subnetNetwork(network, owner, { router_external: true, ...attached }),
    {
      type: 'floating-ip-pool',
      uuid: uuidOf('floating-ip-pool', pool),
      fq_name: pool,
      parent_type: 'virtual-network',
      display_name: name,
      ...annotationsFor(owner),
    },
  ];
}

/** Nobody is taken for a router there that is not said to be one. */
function withRouter(subnet: SubnetInput): SubnetInput {
  return { gateway: subnet.cidr.includes(':') ? '::' : '0.0.0.0', ...subnet };
}
