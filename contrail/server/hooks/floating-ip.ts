/** Floating and alias IPs: an address of the pool's network (facts 9). */
import { allocateFrom, isUnmanaged, networkName, releaseFrom, subnetsOf } from '../addresses/pool.ts';
import { demand, HttpError } from '../errors.ts';
import type { Draft, TypeRules } from '../objects/draft.ts';
import type { StoredObject } from '../store/objects.ts';
import type { Transaction } from '../store/transaction.ts';

export const floatingIpRules = pooledAddress('floating-ip-pool', 'floating_ip_address', 'floating_ip_address_family');
export const aliasIpRules = pooledAddress('alias-ip-pool', 'alias_ip_address', 'alias_ip_address_family');

/** A pool may name subnets; each must be one of its network's. */
export const floatingIpPoolRules: TypeRules = {
  beforeCreate: async (draft, tx) => {
    const wanted = poolSubnets(draft.properties);
    if (wanted === undefined || draft.parent === undefined) return;
    const known = new Set((await subnetsOf(tx, draft.parent)).map(({ uuid }) => uuid));
    const unknown = wanted.find((uuid) => !known.has(uuid));
    demand(unknown === undefined, 400, `Subnet ${unknown} was not found in virtual-network ${draft.parent.uuid}`);
  },
};

/** Rules of a type whose objects hold an address of the network above their pool. */
function pooledAddress(poolType: string, addressField: string, familyField: string): TypeRules {
  return {
    beforeCreate: async (draft, tx) => {
      await defaultProject(draft, tx);
      if (draft.parent?.type !== poolType) return;
      const network = await networkAbove(tx, draft.parent);
      if (network === undefined || isUnmanaged(network)) return;
      const subnetUuid = poolSubnets(draft.parent.properties);
      const address = draft.properties[addressField] as string | undefined;
      const family = draft.properties[familyField] as 'v4' | 'v6' | undefined;
      const target = { object: draft.uuid, addressField: `p:${addressField}` };
      allocateFrom(tx, await subnetsOf(tx, network, { address, subnetUuid }), {
        request: { address: address || undefined, subnetUuid, family },
        target,
        name: networkName(network),
      });
    },
    beforeUpdate: ({ object, properties }) => {
      const same = !(addressField in properties) || properties[addressField] === object.properties[addressField];
      if (!same) throw new HttpError(400, 'Floating IP Address can not be changed');
    },
    beforeDelete: async (object, tx) => {
      const pool = object.parentType === poolType ? await tx.read(object.parentUuid ?? '') : undefined;
      const network = pool === undefined ? undefined : await networkAbove(tx, pool);
      if (network !== undefined) releaseFrom(tx, await subnetsOf(tx, network), object.properties[addressField]);
      return { known: [] };
    },
  };
}

async function defaultProject(draft: Draft, tx: Transaction): Promise<void> {
  if (draft.refs['project_refs'] !== undefined || draft.fqName.length < 4) return;
  const project = await tx.find('project', draft.fqName.slice(0, 2));
  if (project !== undefined) draft.refs['project_refs'] = [{ uuid: project.uuid, to: project.fqName, attr: null }];
}

async function networkAbove(tx: Transaction, pool: StoredObject): Promise<StoredObject | undefined> {
  return pool.parentType === 'virtual-network' ? tx.read(pool.parentUuid ?? '') : undefined;
}

function poolSubnets(properties: Readonly<Record<string, unknown>>): readonly string[] | undefined {
  const list = (properties['floating_ip_pool_subnets'] as { subnet_uuid?: string[] } | undefined)?.subnet_uuid;
  return list === undefined || list.length === 0 ? undefined : list;
}
