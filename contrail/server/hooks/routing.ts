/** Logical routers, BGP as a service, service templates, the global configuration and routing instances (facts 10). */
import { demand } from '../errors.ts';
import type { TypeRules } from '../objects/draft.ts';
import type { StoredRef } from '../store/objects.ts';
import type { Transaction } from '../store/transaction.ts';
import { checkRouteTargets } from './route-targets.ts';

export const logicalRouterRules: TypeRules = {
  guardedRefs: ['virtual_machine_interface_refs'],
  beforeCreate: async (draft, tx) => {
    draft.properties['logical_router_type'] ??= 'snat-routing';
    await checkRouteTargets(tx, draft.properties['configured_route_target_list']);
    await refuseVmPorts(tx, draft.refs['virtual_machine_interface_refs'] ?? []);
  },
  beforeUpdate: async ({ object, properties, refs }, tx) => {
    const same =
      !('logical_router_type' in properties) ||
      properties['logical_router_type'] === object.properties['logical_router_type'];
    demand(same, 400, 'Cannot update logical_router_type for a Logical Router');
    await checkRouteTargets(tx, properties['configured_route_target_list']);
    await refuseVmPorts(tx, refs['virtual_machine_interface_refs'] ?? []);
  },
};

export const bgpAsAServiceRules: TypeRules = {
  beforeCreate: (draft) => checkBgp(draft.properties),
  beforeUpdate: ({ object, properties }) => {
    const same =
      !('bgpaas_shared' in properties) ||
      Boolean(properties['bgpaas_shared']) === Boolean(object.properties['bgpaas_shared']);
    demand(same, 400, 'BGPaaS: shared property cannot be modified');
    checkBgp({ ...object.properties, ...properties });
  },
};

export const serviceTemplateRules: TypeRules = {
  beforeCreate: (draft) => {
    // Everyone in the domain may use a template (facts 10).
    const perms2 = draft.properties['perms2'] as { share: object[] };
    if (draft.parentUuid !== undefined) {
      const share = { tenant: `domain:${draft.parentUuid}`, tenant_access: 5 };
      draft.properties['perms2'] = { ...perms2, share: [...perms2.share, share] };
    }
  },
};

export const globalSystemConfigRules: TypeRules = {
  beforeCreate: async (_draft, tx) => {
    const [first] = Object.entries(await tx.store.names('global-system-config'));
    demand(first === undefined, 400, `Global System Config already exists with name ${first?.[0]} (${first?.[1]})`);
  },
};

export const routingInstanceRules: TypeRules = {
  beforeDelete: (object) => {
    const isDefault = object.properties['routing_instance_is_default'] === true;
    demand(
      !isDefault,
      409,
      `Cannot modify system resource routing_instance ${object.fqName.join(':')}(${object.uuid})`,
    );
    return { known: [] };
  },
};

export const healthMonitorRules: TypeRules = {
  validate: (body) =>
    demand(
      Boolean(body['loadbalancer_healthmonitor_properties']),
      400,
      'Bad property in create: loadbalancer_healthmonitor_properties property is missing',
    ),
};

/** The real server's text names the port's parent where it means the machine; clients may parse it, so it is kept. */
async function refuseVmPorts(tx: Transaction, ports: readonly StoredRef[]): Promise<void> {
  for (const port of await tx.store.readAll(ports.map(({ uuid }) => uuid))) {
    const isUsed = (port.refs['virtual_machine_refs'] ?? []).length > 0 || port.parentType === 'virtual-machine';
    demand(!isUsed, 409, `Port(${port.uuid}) already in use by virtual-machine(${port.parentUuid ?? ''})`);
  }
}

const MAX_2BYTE_ASN = 65_535;

function checkBgp(properties: Readonly<Record<string, unknown>>): void {
  for (const field of ['autonomous_system', 'local_autonomous_system']) {
    const asn = properties[field];
    if (asn === undefined || asn === null) continue;
    demand(Number(asn) >= 1 && Number(asn) <= MAX_2BYTE_ASN, 400, 'ASN out of range, should be between 1-0xFFFF');
  }
  const shared = properties['bgpaas_shared'] === true;
  demand(
    !shared || Boolean(properties['bgpaas_ip_address']),
    400,
    'BGPaaS IP Address needs to be configured if BGPaaS is shared',
  );
}
