/** A FloatingIPPool: its subnets from Kubernetes, without addresses of nodes, its network, ipam and pool from Contrail, and who has the interface that it is at. */
import { desiredFloatingIpPool, type FloatingIpPoolInput } from '../../contrail/desired/floating-ip-pool.ts';
import type { VirtualRouter } from '../../contrail/objects.ts';
import { interfacesOf } from '../../contrail/provider.ts';
import type { SlimFloatingIpPool } from '../../kubernetes/floating-ip-pool.ts';
import { TerminalError } from '../../runtime/errors.ts';
import type { Deps, Observation, Reconciler } from '../deps.ts';
import type { Key } from '../keys.ts';
import { readFloatingIpPool } from '../lookup.ts';
import { withoutNodes } from '../node-addresses.ts';
import { takenAddresses } from '../pool-addresses.ts';
import { writeNotReady, writeReady } from '../resource-status.ts';
import { withStandingGateways } from '../standing-gateways.ts';
import { withAddresses } from '../subnets.ts';

/** What concerns a pool. */
interface PoolSubject extends FloatingIpPoolInput {
  readonly uid: string;
  readonly generation: number;
  /** With an interface, the names of nodes that say they have it. */
  readonly nodes?: readonly string[];
}

export const floatingIpPoolReconciler: Reconciler<PoolSubject> = {
  input: async ({ name }, deps) => {
    const pool = await readFloatingIpPool(name, deps);
    if (pool === undefined) return undefined;
    const { uid, generation, interface: at } = pool;
    refuseTaken(pool, deps);
    const subnets = withoutNodes(pool.subnets, deps.view.nodes.list());
    return {
      name,
      uid,
      generation,
      subnets,
      ...(at === undefined ? {} : { interface: at, nodes: await nodesAt(at, deps) }),
    };
  },
  observe,
  desired: (input, settings, { found }) => withStandingGateways(desiredFloatingIpPool(input, settings), found),
  pending: missingNodes,
  finish: async (input, deps) => {
    // Services, floating IPs and routers may have waited for it.
    const keys = deps.view.usersOfPool(input.name);
    for (const key of keys) await deps.digests.forget(key);
    deps.enqueue(keys);
    await writeStatus(input, deps);
    return input;
  },
};

function refuseTaken(pool: SlimFloatingIpPool, { view, settings }: Deps): void {
  const taken = withAddresses(() => takenAddresses(pool, view.floatingIpPools.list(), settings));
  if (taken !== undefined) throw new TerminalError('AddressesTaken', taken);
}

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

async function nodesAt(name: string, { contrail }: Deps): Promise<readonly string[]> {
  const routers = await contrail.list('virtual-router', { fields: ['virtual_router_sriov_physical_networks'] });
  return routers
    .filter((router) => interfacesOf(router as VirtualRouter).includes(name))
    .map(({ fq_name: fqName }) => fqName.at(-1) ?? '')
    .sort();
}

function missingNodes({ interface: name, nodes }: PoolSubject): string | undefined {
  if (nodes === undefined || nodes.length > 0) return undefined;
  return `a node that has spec.interface ${name}, and it up: make it on the nodes that are to serve the pool, or make a pool with another interface`;
}

/** Which nodes serve it is said of a pool at an interface: others are served by all. */
async function writeStatus(input: PoolSubject, { kube, view }: Deps): Promise<void> {
  const resource = {
    ...input,
    resource: 'floatingippools',
    status: view.floatingIpPools.get(input.name)?.status,
  } as const;
  const missing = missingNodes(input);
  const facts = input.nodes === undefined ? {} : { nodes: input.nodes };
  if (missing === undefined) await writeReady(kube, resource, facts);
  else await writeNotReady(kube, resource, { reason: 'InterfaceMissing', message: `waiting for ${missing}`, facts });
}
