/** Who is behind a pool (facts 5.1). Pure. */
import { partUuid } from '../names.ts';
import type { ContrailObject } from '../objects.ts';

/** A member of a pool; one that is not up takes no new flows where others can. */
export function memberOf(
  pool: ContrailObject,
  { address, port, isUp = true }: { readonly address: string; readonly port: number; readonly isUp?: boolean },
  annotations: object,
): ContrailObject {
  const uuid = partUuid(pool.uuid, 'member', address, String(port));
  return {
    type: 'loadbalancer-member',
    uuid,
    fq_name: [...pool.fq_name, uuid],
    parent_type: 'loadbalancer-pool',
    display_name: uuid,
    loadbalancer_member_properties: { address, protocol_port: port, admin_state: isUp },
    ...annotations,
  };
}
