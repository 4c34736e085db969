/** The addresses of a Service outside the cluster: floating IPs of a pool, on its load balancer's interface (facts 5.4). Pure. */
import { partUuid } from '../names.ts';
import type { ContrailObject, FqName } from '../objects.ts';
import { annotationsFor, type Owner } from '../ownership.ts';
import { floatingIp } from './floating-ip.ts';
import { type Naming, to } from './owner.ts';

export interface ExternalInput {
  readonly pool: FqName;
  readonly addresses: readonly { readonly family: 'v4' | 'v6'; readonly address?: string }[];
  /** What the Service's status says already. */
  readonly assigned: readonly string[];
}

/** The floating IPs; without an address of its own one is given by the config API. */
export function floatingIps(
  { uid, namespace, external }: { readonly uid: string; readonly namespace: string; readonly external?: ExternalInput },
  { vmi, owner }: { readonly vmi: ContrailObject; readonly owner: Owner },
  { names }: Naming,
): readonly ContrailObject[] {
  return (external?.addresses ?? []).map(({ family, address }) => {
    const uuid = floatingIpUuid(uid, family);
    const identity = {
      uuid,
      label: uuid,
      pool: external?.pool ?? [],
      family,
      ...(address === undefined ? {} : { address }),
    };
    return floatingIp(identity, {
      project_refs: [to(names.project(namespace))],
      virtual_machine_interface_refs: [to(vmi.fq_name)],
      ...annotationsFor(owner),
    });
  });
}

/** The UUIDs of the floating IPs that a Service of this UID may have. */
export function floatingIpUuids(uid: string): readonly string[] {
  return [floatingIpUuid(uid, 'v4'), floatingIpUuid(uid, 'v6')];
}

function floatingIpUuid(uid: string, family: 'v4' | 'v6'): string {
  return partUuid(uid, 'fip', family);
}
