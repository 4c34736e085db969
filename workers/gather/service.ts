/** A Service with its endpoints from Kubernetes, and its load balancer from Contrail, with those of its predecessors. */
import { desiredService, networkEnd, type ServiceInput, serviceInterfaceUuid } from '../../contrail/desired/service.ts';
import { healthMonitorUuid } from '../../contrail/desired/health-monitor.ts';
import { type ExternalInput, floatingIpUuids } from '../../contrail/desired/external.ts';
import { policyOn } from '../../contrail/desired/network.ts';
import type { ContrailObject, Reference } from '../../contrail/objects.ts';
import type { ObjectReference } from '../../kubernetes/events.ts';
import { type Deps, isRebuild, type Observation, type Reconciler } from '../deps.ts';
import { beneficiaryOf, externalInput, type ExternalSubject, namedInContrail } from '../desired/external.ts';
import { type AskedService, serviceInput } from '../desired/service.ts';
import { readForeignPool } from '../foreign-pools.ts';
import { type Key, serviceKey } from '../keys.ts';
import { endings, observeBalancers, uidsByKey, withoutProject } from './balancer.ts';
import { readExistingNamespace, readService } from '../lookup.ts';
import { sharedWithNode } from '../node-addresses.ts';
import { TerminalError } from '../../runtime/errors.ts';
import { noneLeft, refusedAddress } from '../refused-address.ts';
import { writeAddresses } from '../service-status.ts';
import { tell } from '../tell.ts';

export const serviceReconciler: Reconciler<AskedService> = {
  input: async ({ namespace, name }, deps) => {
    const service = await readService(namespace, name, deps);
    if (service === undefined) return undefined;
    const subject = {
      service,
      namespace: await readExistingNamespace(namespace, deps),
      slices: deps.view.slicesOf(namespace, name),
      hasAppsLeft: () => deps.view.appsIn(namespace).length > 0,
      podsIn: (network: string) => deps.view.podsOfIn(namespace, network),
      nodeIps: (node: string) => deps.view.nodes.get(node)?.internalIPs ?? [],
    };
    const input = serviceInput(subject, deps.settings);
    const [pools, nodes] = [deps.view.floatingIpPools.list(), deps.view.nodes.list()];
    const beneficiary = await readExistingNamespace(beneficiaryOf(service, deps.settings), deps);
    return input && { ...input, ...(await externalOf({ ...subject, namespace: beneficiary, pools, nodes }, deps)) };
  },
  observe,
  desired: (input, settings, { found }) => [...desiredService(input, settings), ...kept(input, found)],
  end: async (key, deps) => await deps.uids.settle(key, undefined),
  explain: async (error, input, deps) => {
    const refusal = explained(error, input);
    if (!saysWhatIsAnothers(refusal, input)) return refusal;
    await writeAddresses(input, [], deps);
    return new Error(`${refusal.message}; its status does not say it any more, and another is given`);
  },
  finish: async (input, deps) => {
    const { uid, problem, refusal } = input;
    await deps.uids.settle(keyOf(input), uid);
    if (problem !== undefined) await tell(referenceTo(input), problem, deps);
    if (refusal !== undefined) throw new TerminalError(refusal.reason, refusal.message);
    return await withAddresses(input, deps);
  },
};

/** What cannot be had outside takes nothing from what a Service is inside: its refusal is told when that stands. */
async function externalOf(subject: ExternalSubject, deps: Deps): Promise<Pick<AskedService, 'external' | 'refusal'>> {
  const named = namedInContrail(subject);
  try {
    const foreign = named && (await readForeignPool(named, deps));
    const external = externalInput({ ...subject, ...(foreign === undefined ? {} : { foreign }) }, deps.settings);
    if (external === undefined) return {};
    return { external: isRebuild(deps) ? withGivenAlone(external) : external };
  } catch (error) {
    if (!(error instanceof TerminalError)) throw error;
    return { refusal: { reason: error.reason, message: error.message } };
  }
}

function withGivenAlone({ addresses, ...external }: ExternalInput): ExternalInput {
  const isGiven = ({ address }: ExternalInput['addresses'][number]): boolean =>
    address !== undefined && external.assigned.includes(address);
  return { ...external, addresses: addresses.filter(isGiven) };
}

/** The addresses outside that a Service has been given before it asked for what it cannot have. */
function kept({ uid, refusal }: AskedService, found: readonly ContrailObject[]): readonly ContrailObject[] {
  if (refusal === undefined) return [];
  const own = floatingIpUuids(uid);
  return found.filter((object) => own.includes(object.uuid));
}

/** An address that was not asked for is given later, when there is one. */
function explained(error: unknown, { external }: ServiceInput): Error | undefined {
  const wanted = external?.addresses.flatMap(({ address }) => address ?? []) ?? [];
  const pool = external?.pool.at(-1) ?? '';
  return wanted.length === 0 ? noneLeft(error, pool) : refusedAddress(error, { wanted: wanted.join(', '), pool });
}

/** An address that the Service does not ask for, but its status says: whoever holds it by now has it. */
function saysWhatIsAnothers(refusal: Error | undefined, { external }: ServiceInput): refusal is TerminalError {
  const { addresses = [], assigned = [] } = external ?? {};
  return (
    refusal instanceof TerminalError &&
    /already in use/i.test(refusal.message) &&
    addresses.every(({ address }) => address === undefined || assigned.includes(address))
  );
}

/** Tells the Service which addresses it has been given. */
async function withAddresses(input: ServiceInput, deps: Deps): Promise<ServiceInput> {
  const { external, uid } = input;
  if (external === undefined) return input;
  const found = await deps.contrail.list('floating-ip', { backRefId: [serviceInterfaceUuid(uid)], detail: true });
  // The schema's field.
  const given = found.flatMap((object) => (object['floating_ip_address'] as string | undefined) ?? []).sort(v4First);
  if (given.join() !== external.assigned.join()) await writeAddresses(input, given, deps);
  const shared = sharedWithNode(given, deps.view.nodes.list());
  if (shared !== undefined) await tell(referenceTo(input), shared, deps);
  return { ...input, external: { ...external, addresses: withGiven(external.addresses, given), assigned: given } };
}

/** What the input will be when the status has been seen. */
function withGiven(addresses: ExternalInput['addresses'], given: readonly string[]): ExternalInput['addresses'] {
  return addresses.map(({ family }) => {
    const address = given.find((each) => each.includes(':') === (family === 'v6'));
    return { family, ...(address === undefined ? {} : { address }) };
  });
}

function v4First(a: string, b: string): number {
  return Number(a.includes(':')) - Number(b.includes(':'));
}

function referenceTo({ namespace, name, uid }: ServiceInput): ObjectReference {
  return { apiVersion: 'v1', kind: 'Service', namespace, name, uid };
}

function keyOf({ namespace, name }: ServiceInput): Key {
  return { kind: 'Service', namespace, name };
}

async function observe(key: Key, input: ServiceInput | undefined, deps: Deps): Promise<Observation> {
  const { contrail, names, settings } = deps;
  const project = await names.uuidOf('project', settings.names.project(key.namespace));
  if (project === undefined) return withoutProject(key, input !== undefined);
  const [own, uids] = await Promise.all([
    observeOwnNetwork(key, deps),
    deps.uids.of(key, input?.uid, async () => await uidsIn(key.namespace, project, deps)),
  ]);
  if (uids.length === 0) return { kind: 'observed', found: own };
  const vmis = uids.map(serviceInterfaceUuid);
  const isUnchecked = input !== undefined && input.healthCheck === undefined;
  const [balancers, interfaces, addresses, floatingIps] = await Promise.all([
    observeBalancers(uids, contrail, isUnchecked ? [] : uids.map(healthMonitorUuid)),
    contrail.list('virtual-machine-interface', { uuids: vmis, detail: true }),
    contrail.list('instance-ip', { backRefId: vmis, detail: true }),
    contrail.list('floating-ip', { backRefId: vmis, detail: true }),
  ]);
  return { kind: 'observed', found: [...own, ...interfaces, ...addresses, ...floatingIps, ...balancers] };
}

/** A Service's own network is made after its policy and deleted before it: without the policy there is none. */
async function observeOwnNetwork(
  { namespace, name }: Key,
  { contrail, settings: { names } }: Deps,
): Promise<readonly ContrailObject[]> {
  const fqNames = [names.appServicePolicy(namespace, name)];
  const fields = ['virtual_network_back_refs'];
  const [policy] = await contrail.list('network-policy', { fqNames, detail: true, fields });
  if (policy === undefined) return [];
  const networks = await contrail.list('virtual-network', {
    fqNames: [names.appServiceNetwork(namespace, name)],
    detail: true,
  });
  // Apps attach the policy to their own networks; only these two are this key's business.
  const admitted = [names.clusterPodNetwork, names.podNetwork(namespace)].map((each) => each.join(':'));
  const carriers = ((policy['virtual_network_back_refs'] ?? []) as readonly Reference[]).filter(({ to }) =>
    admitted.includes(to.join(':')),
  );
  return [policy, ...networks, ...carriers.map(({ to }) => policyOn(networkEnd(to), policy.fq_name))];
}

/** The UIDs under which a namespace's Services have load balancers or addresses, by key. */
async function uidsIn(
  namespace: string,
  project: string,
  { contrail, settings }: Deps,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const [loadbalancers, interfaces] = await Promise.all([
    contrail.list('loadbalancer', { parentId: project }),
    contrail.list('virtual-machine-interface', { parentId: project }),
  ]);
  const all = [...endings(loadbalancers, ''), ...endings(interfaces, `${settings.cluster}__Service__`)];
  return uidsByKey(all, (name) => serviceKey(namespace, name));
}
