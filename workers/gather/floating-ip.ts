/**
 * A FloatingIP: its pool and who holds it from Kubernetes, its address from Contrail. The address stays its own while nobody
 * holds it, and whoever holds it.
 */
import { desiredFloatingIp, type FloatingIpInput } from '../../contrail/desired/floating-ip.ts';
import { type Family, familyOf } from '../../contrail/desired/pod.ts';
import type { SlimFloatingIpPool } from '../../kubernetes/floating-ip-pool.ts';
import type { Deps, Reconciler } from '../deps.ts';
import { firstFamily, requireFamily } from '../desired/external.ts';
import { addressIn, holdersOf, servingPool } from '../desired/floating-ip.ts';
import { readFloatingIp, readFloatingIpPool, readPod, readService } from '../lookup.ts';
import type { SlimFloatingIp } from '../../kubernetes/floating-ip.ts';
import { sharedWithNode } from '../node-addresses.ts';
import { refusedAddress } from '../refused-address.ts';
import { writeNotReady, writeReady } from '../resource-status.ts';

/** What concerns a floating IP, and who is missing. */
interface FloatingIpSubject extends FloatingIpInput {
  readonly uid: string;
  readonly generation: number;
  /** Names of those who hold it, for its status. */
  readonly heldBy: readonly string[];
  /** Whom it asks for, where nobody is there. */
  readonly missing: string | undefined;
}

export const floatingIpReconciler: Reconciler<FloatingIpSubject> = {
  input: async ({ namespace, name }, deps) => {
    const found = await readFloatingIp(namespace, name, deps);
    return found === undefined ? undefined : await subjectOf(found, deps);
  },
  observe: async ({ namespace, name }, _input, { contrail, settings: { names } }) => ({
    kind: 'observed',
    found: await contrail.list('floating-ip', { uuids: [names.floatingIpUuid(namespace, name)], detail: true }),
  }),
  desired: desiredFloatingIp,
  explain: async (...[error, { address = 'an address', pool }]) =>
    refusedAddress(error, { wanted: address, pool: pool.at(-1) ?? '' }),
  finish: async (input, deps) => await withAddress(input, deps),
};

async function subjectOf(floating: SlimFloatingIp, deps: Deps): Promise<FloatingIpSubject> {
  const { namespace, name, uid, generation, direction, ports, pod, service } = floating;
  const pool = servingPool(floating, await readFloatingIpPool(floating.pool, deps));
  const found = {
    // By a name, a live read: the cache may be behind.
    pods: [...deps.view.podsOf(namespace), ...(await present(pod, async (of) => await readPod(namespace, of, deps)))],
    services: await present(service, async (of) => await readService(namespace, of, deps)),
  };
  const family = familyWanted(floating, pool);
  const { holders, heldBy, missing } = holdersOf(floating, { ...found, family }, deps.settings);
  const nodes = deps.view.nodes.list();
  const address = addressIn({ pool, nodes }, { field: 'spec.address', ...floating });
  return {
    namespace,
    name,
    uid,
    generation,
    pool: deps.settings.names.floatingIpPool(pool.name),
    family,
    ...(address === undefined ? {} : { address }),
    holders,
    heldBy,
    missing,
    direction: DIRECTIONS[direction],
    ports,
  };
}

function familyWanted({ address, family, assigned }: SlimFloatingIp, pool: SlimFloatingIpPool): Family {
  if (address !== undefined) return familyOf(address);
  return family === undefined ? firstFamily(pool, assigned) : requireFamily(pool, 'spec.family', family);
}

const DIRECTIONS = { Both: 'both', Ingress: 'ingress', Egress: 'egress' } as const;

async function present<T>(
  name: string | undefined,
  read: (name: string) => Promise<T | undefined>,
): Promise<readonly T[]> {
  const found = name === undefined ? undefined : await read(name);
  return found === undefined ? [] : [found];
}

/** Says which address it is and who holds it. */
async function withAddress(input: FloatingIpSubject, deps: Deps): Promise<FloatingIpSubject> {
  const { namespace, name, family, heldBy, missing } = input;
  const uuids = [deps.settings.names.floatingIpUuid(namespace, name)];
  const [object] = await deps.contrail.list('floating-ip', { uuids, detail: true });
  // The schema's field.
  const address = object?.['floating_ip_address'] as string | undefined;
  const facts = { address, heldBy };
  const status = deps.view.floatingIps.get(`${namespace}/${name}`)?.status;
  const resource = { ...input, resource: 'floatingips', status } as const;
  const shared = sharedWithNode(address === undefined ? [] : [address], deps.view.nodes.list());
  if (shared !== undefined) await writeNotReady(deps.kube, resource, { ...shared, facts });
  else if (missing !== undefined) {
    const own = family === 'v4' ? 'IPv4' : 'IPv6';
    const message = `${missing} is not there, or has no address of ${own} itself; nobody holds the address meanwhile`;
    await writeNotReady(deps.kube, resource, { reason: 'HolderMissing', message, facts });
  } else await writeReady(deps.kube, resource, facts);
  return address === undefined ? input : { ...input, address };
}
