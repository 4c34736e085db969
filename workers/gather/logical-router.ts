/** A LogicalRouter: its pool and networks from Kubernetes, its ports and addresses from Contrail. */
import {
  addressSlot,
  desiredLogicalRouter,
  type LogicalRouterInput,
  type RouterAddress,
} from '../../contrail/desired/logical-router.ts';
import type { VirtualNetwork } from '../../contrail/objects.ts';
import { familyOf } from '../../contrail/desired/pod.ts';
import { connectedNetworks } from '../../kubernetes/connected-networks.ts';
import type { SlimLogicalRouter } from '../../kubernetes/logical-router.ts';
import { type Deps, isRebuild, type Observation, type Reconciler } from '../deps.ts';
import { firstFamily, requireFamily } from '../desired/external.ts';
import { addressIn, servingPool } from '../desired/floating-ip.ts';
import { unrouted } from '../families.ts';
import { isGoing } from '../going-networks.ts';
import { type Key, logicalRouterKey } from '../keys.ts';
import { readFloatingIpPool, readLogicalRouter } from '../lookup.ts';
import { sharedWithNode } from '../node-addresses.ts';
import { refusedAddress } from '../refused-address.ts';
import { writeNotReady, writeReady } from '../resource-status.ts';
import type { PartialProblem } from '../tell.ts';

/** What concerns a router, and which of its networks are missing. */
interface RouterSubject extends LogicalRouterInput {
  readonly uid: string;
  readonly generation: number;
  readonly missing: readonly string[];
  /** Networks that none of its addresses serves. */
  readonly unserved: PartialProblem | undefined;
  /** After a run: addresses that the next one takes away, since others stand in their place by now. */
  readonly going?: readonly string[];
}

export const logicalRouterReconciler: Reconciler<RouterSubject> = {
  input: async ({ namespace, name }, deps) => {
    const found = await readLogicalRouter(namespace, name, deps);
    return found === undefined ? undefined : await subjectOf(found, deps);
  },
  observe: async (key, _input, deps) => await observe(key, deps),
  desired: desiredLogicalRouter,
  explain: async (...[error, input]) => explained(error, input),
  finish: async (input, deps) => await withAddresses(input, deps),
};

async function subjectOf(router: SlimLogicalRouter, deps: Deps): Promise<RouterSubject> {
  const { namespace, name, uid, generation, families, addresses, assigned } = router;
  const pool = servingPool(router, await readFloatingIpPool(router.pool, deps));
  const nodes = deps.view.nodes.list();
  const asked = connectedNetworks(router, deps.settings.names).networks;
  const present = await deps.contrail.list('virtual-network', { fqNames: asked, detail: true });
  const shared = deps.settings.names.clusterPodNetwork.join(':');
  // A router's port would hold one that goes up for ever; and what all namespaces share is no namespace's to route, not `default`'s either.
  const staying = present.filter((network) => network.fq_name.join(':') !== shared && !isGoing(network, deps));
  const known = new Set(staying.map(({ fq_name: network }) => network.join(':')));
  const named = isRebuild(deps) ? assigned : addresses;
  const wanted =
    named.length > 0
      ? named.map((address) => ({ family: familyOf(address), address }))
      : (families?.map((each) => requireFamily(pool, 'spec.families', each)) ?? [firstFamily(pool, assigned[0])]).map(
          (family) => ({ family }),
        );
  return {
    namespace,
    name,
    uid,
    generation,
    pool: pool.name,
    networks: asked.filter((network) => known.has(network.join(':'))),
    unserved: unrouted(staying as readonly VirtualNetwork[], wanted, deps.settings), // Listed by type.
    missing: asked.map((network) => network.join(':')).filter((network) => !known.has(network)),
    addresses: wanted.map((each: RouterAddress) => {
      const given = assigned.find(
        (address) => address === (each.address ?? address) && familyOf(address) === each.family,
      );
      const address = addressIn({ pool, nodes }, { field: 'spec.addresses', assigned: given, ...each });
      return { family: each.family, ...(address === undefined ? {} : { address }) };
    }),
  };
}

/** Of either family as many as the resource may ask for, beside as many that go. */
const SLOTS = (['v4', 'v6'] as const).flatMap((family) =>
  Array.from({ length: 32 }, (_, index) => addressSlot(family, index)),
);

async function observe({ namespace, name }: Key, { contrail, names: ids, settings }: Deps): Promise<Observation> {
  const { names } = settings;
  const project = await ids.uuidOf('project', names.project(namespace));
  if (project === undefined) return { kind: 'observed', found: [] };
  const interfaces = await contrail.list('virtual-machine-interface', { parentId: project });
  const prefix = names.routerPorts(name);
  const ports = interfaces.filter(({ fq_name: fqName }) => fqName.at(-1)?.startsWith(prefix)).map(({ uuid }) => uuid);
  const floating = SLOTS.map((slot) => names.routerAddressUuid(namespace, name, slot));
  const lists = await Promise.all([
    contrail.list('logical-router', { fqNames: [names.logicalRouter(namespace, name)], detail: true }),
    contrail.list('floating-ip', { uuids: floating, detail: true }),
    // An empty condition would list the whole type.
    ports.length === 0 ? [] : contrail.list('virtual-machine-interface', { uuids: ports, detail: true }),
  ]);
  return { kind: 'observed', found: lists.flat() };
}

/** A port that goes may still hold its address. */
const PASSES = /Parent|Unknown reference|still/;

function explained(error: unknown, { addresses, pool }: RouterSubject): Error | undefined {
  const wanted = addresses.flatMap(({ address }) => address ?? []).join(', ') || 'an address';
  return refusedAddress(error, { wanted, pool, passes: PASSES });
}

/** Says under which addresses the networks go out. */
async function withAddresses(input: RouterSubject, deps: Deps): Promise<RouterSubject> {
  const { namespace, name, addresses, networks, missing, unserved } = input;
  const uuids = SLOTS.map((slot) => deps.settings.names.routerAddressUuid(namespace, name, slot));
  const found = await deps.contrail.list('floating-ip', { uuids, detail: true });
  // The schema's field.
  const given = found.flatMap((object) => (object['floating_ip_address'] as string | undefined) ?? []).sort();
  const facts = { addresses: given, networks: networks.map((network) => network.join(':')) };
  const status = deps.view.logicalRouters.get(`${namespace}/${name}`)?.status;
  const resource = { ...input, resource: 'logicalrouters', status } as const;
  const shared = sharedWithNode(given, deps.view.nodes.list());
  if (shared !== undefined) await writeNotReady(deps.kube, resource, { ...shared, facts });
  else if (missing.length > 0) {
    const message = `${missing.join(', ')} not there; create what it is the network of, or isolate the namespace. The other networks are routed`;
    await writeNotReady(deps.kube, resource, { reason: 'NetworkMissing', message, facts });
  } else if (unserved === undefined) await writeReady(deps.kube, resource, facts);
  else await writeNotReady(deps.kube, resource, { ...unserved, facts });
  const withGiven = addresses.map(({ family, address = given.find((each) => familyOf(each) === family) }) => ({
    family,
    ...(address === undefined ? {} : { address }),
  }));
  const going = given.filter((each) => !withGiven.some(({ address }) => address === each));
  if (going.length === 0) return { ...input, addresses: withGiven };
  deps.enqueue([logicalRouterKey(namespace, name)]);
  return { ...input, addresses: withGiven, going };
}
