/** A FloatingIPPool: its subnets from Kubernetes, its network, ipam and pool from Contrail. */
import { desiredFloatingIpPool, type FloatingIpPoolInput } from '../../contrail/desired/floating-ip-pool.ts';
import { TerminalError } from '../../runtime/errors.ts';
import type { Deps, Observation, Reconciler } from '../deps.ts';
import { floatingIpKey, type Key, logicalRouterKey, serviceKey } from '../keys.ts';
import { readFloatingIpPool } from '../lookup.ts';

export const floatingIpPoolReconciler: Reconciler<FloatingIpPoolInput> = {
  input: async ({ name }, deps) => {
    const pool = await readFloatingIpPool(name, deps);
    return pool === undefined ? undefined : { name, subnets: pool.subnets };
  },
  observe,
  desired: (input, settings) => {
    try {
      return desiredFloatingIpPool(input, settings);
    } catch (error) {
      throw error instanceof RangeError ? new TerminalError('NoAddresses', error.message) : error;
    }
  },
  finish: async (input, deps) => {
    // Services, floating IPs and routers may have waited for it.
    const balanced = deps.view.services.list().filter(({ balancer }) => balancer !== undefined);
    const floating = deps.view.floatingIps.list().filter(({ pool }) => pool === input.name);
    const routers = deps.view.logicalRouters.list().filter(({ pool }) => pool === input.name);
    const keys = [
      ...balanced.map(({ namespace, name }) => serviceKey(namespace, name)),
      ...floating.map(({ namespace, name }) => floatingIpKey(namespace, name)),
      ...routers.map(({ namespace, name }) => logicalRouterKey(namespace, name)),
    ];
    for (const key of keys) await deps.digests.forget(key);
    deps.enqueue(keys);
    return input;
  },
};

async function observe({ name }: Key, _input: unknown, { contrail, settings: { names } }: Deps): Promise<Observation> {
  const byType = {
    'floating-ip-pool': names.floatingIpPool(name),
    'virtual-network': names.floatingNetwork(name),
    'network-ipam': names.floatingIpam(name),
  };
  const lists = Object.entries(byType).map(([type, fqName]) =>
    contrail.list(type, { fqNames: [fqName], detail: true }),
  );
  return { kind: 'observed', found: (await Promise.all(lists)).flat() };
}
