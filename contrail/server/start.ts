/** What is there before anybody has written anything (facts 13), laid in one commit together with a new epoch. */
import { randomUUID } from 'node:crypto';
import type { FqName } from '../objects.ts';
import { HttpError } from './errors.ts';
import { TAG_TYPES } from './hooks/tag.ts';
import { derivedObject } from './objects/derived.ts';
import type { NewStoredObject } from './store/steps.ts';
import { Transaction, type TransactionDeps } from './store/transaction.ts';

type Parent = Pick<NewStoredObject, 'type' | 'uuid' | 'fqName'>;

/** Lays the start objects and an epoch where there is none; several servers may try at once, one succeeds. */
export async function layStartObjects(deps: TransactionDeps, state: 'rebuilding' | 'ready'): Promise<void> {
  const tx = new Transaction(deps);
  const domain = add(tx, 'domain', ['default-domain']);
  const project = addProject(tx, domain);
  add(tx, 'namespace', ['default-domain', 'default-namespace'], { parent: domain });
  addNetworks(tx, project);
  addIpams(tx, project);
  addNoRule(tx, project);
  addGlobals(tx);
  add(tx, 'discovery-service-assignment', ['default-discovery-service-assignment']);
  for (const [id, name] of TAG_TYPES.entries()) {
    add(tx, 'tag-type', [name], { properties: { tag_type_id: `0x${id.toString(16).padStart(4, '0')}` } });
  }
  await deps.store.commit(tx.plan({ epoch: randomUUID(), state }));
}

interface Rest {
  readonly parent?: Parent;
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly refs?: NewStoredObject['refs'];
  readonly globalAccess?: number;
}

function add(tx: Transaction, type: string, fqName: FqName, rest: Rest = {}): NewStoredObject {
  const object = derivedObject(type, fqName, rest);
  tx.create(object);
  return object;
}

function addProject(tx: Transaction, domain: Parent): Parent {
  const fqName = [...domain.fqName, 'default-project'];
  const self = { type: 'project', uuid: derivedObject('project', fqName, {}).uuid };
  const set = add(tx, 'application-policy-set', [...fqName, 'default-application-policy-set'], {
    parent: { ...self, fqName },
    properties: { all_applications: true },
  });
  const refs = { application_policy_set_refs: [{ uuid: set.uuid, to: set.fqName, attr: null }] };
  return add(tx, 'project', fqName, { parent: domain, refs, properties: { quota: { defaults: -1 } } });
}

/** Their order gives them the network numbers 1 to 4. */
function addNetworks(tx: Transaction, project: Parent): void {
  for (const name of ['ip-fabric', '__link_local__', 'dci-network', 'default-virtual-network']) {
    const fqName = [...project.fqName, name];
    const provider = name === 'ip-fabric' ? { is_provider_network: true } : {};
    const network = add(tx, 'virtual-network', fqName, {
      parent: project,
      properties: { is_shared: false, ...provider },
    });
    const number = tx.number({ key: 'network', from: 1, to: 32_767 }, new HttpError(500, 'No free virtual network ID'));
    tx.numberField({ object: network.uuid, field: 'p:virtual_network_network_id', format: '%d', numbers: [number] });
    add(tx, 'routing-instance', [...fqName, name], {
      parent: network,
      properties: { routing_instance_is_default: true },
    });
    if (name === 'ip-fabric' || name === 'dci-network')
      add(tx, 'routing-instance', [...fqName, '__default__'], { parent: network });
  }
}

function addIpams(tx: Transaction, project: Parent): void {
  add(tx, 'network-ipam', [...project.fqName, 'default-network-ipam'], { parent: project, globalAccess: 5 });
  add(tx, 'network-ipam', [...project.fqName, 'service-chain-flat-ipam'], {
    parent: project,
    properties: {
      ipam_subnet_method: 'flat-subnet',
      ipam_subnets: {
        subnets: [
          {
            subnet: { ip_prefix: '0.0.0.0', ip_prefix_len: 8 },
            default_gateway: '0.255.255.254',
            dns_server_address: '0.255.255.253',
          },
          {
            subnet: { ip_prefix: '::ffff', ip_prefix_len: 104 },
            default_gateway: '::ff:fffe',
            dns_server_address: '::ff:fffd',
          },
        ],
      },
    },
  });
}

function addNoRule(tx: Transaction, project: Parent): void {
  const group = add(tx, 'security-group', [...project.fqName, '__no_rule__'], {
    parent: project,
    properties: { security_group_entries: { policy_rule: [] } },
  });
  const number = tx.number(
    { key: 'security-group', from: 8_000_001, to: 16_777_215 },
    new HttpError(500, 'No free security group ID'),
  );
  tx.numberField({ object: group.uuid, field: 'p:security_group_id', format: '%d', numbers: [number] });
}

function addGlobals(tx: Transaction): void {
  const system = add(tx, 'global-system-config', ['default-global-system-config'], {
    properties: {
      // The real server's has none.
      display_name: undefined,
      autonomous_system: 64_512,
      config_version: '1.0',
      enable_4byte_as: false,
      enable_security_policy_draft: false,
      ibgp_auto_mesh: true,
      igmp_enable: false,
      mac_aging_time: 300,
    },
  });
  const policies = add(tx, 'policy-management', ['default-policy-management']);
  const set = add(tx, 'application-policy-set', ['default-policy-management', 'default-application-policy-set'], {
    parent: policies,
    properties: { all_applications: true },
  });
  add(tx, 'global-vrouter-config', [...system.fqName, 'default-global-vrouter-config'], {
    parent: system,
    refs: { application_policy_set_refs: [{ uuid: set.uuid, to: set.fqName, attr: null }] },
  });
  add(tx, 'global-qos-config', [...system.fqName, 'default-global-qos-config'], { parent: system });
  add(tx, 'fabric', [...system.fqName, 'default-fabric'], { parent: system });
  add(tx, 'alarm', [...system.fqName, 'system-defined-bottle-request-size-limit'], {
    parent: system,
    properties: { alarm_severity: 1, uve_keys: { uve_key: ['config-node'] } },
  });
}
