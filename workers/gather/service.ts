/** A Service with its endpoints from Kubernetes, and its load balancer from Contrail, with those of its predecessors. */
import { desiredService, networkEnd, type ServiceInput, serviceInterfaceUuid } from '../../contrail/desired/service.ts';
import { healthMonitorUuid } from '../../contrail/desired/health-monitor.ts';
import { policyOn } from '../../contrail/desired/network.ts';
import type { ContrailObject, Reference } from '../../contrail/objects.ts';
import type { Deps, Observation, Reconciler } from '../deps.ts';
import { beneficiaryOf } from '../desired/external.ts';
import { type AskedService, serviceInput } from '../desired/service.ts';
import { type Key, serviceKey } from '../keys.ts';
import { endings, observeBalancers, uidsByKey, withoutProject } from './balancer.ts';
import { readExistingNamespace, readService } from '../lookup.ts';
import { TerminalError } from '../../runtime/errors.ts';
import { tell } from '../tell.ts';
import {
  askedElsewhere,
  explainRefusal,
  externalOf,
  kept,
  serviceReference,
  withAddresses,
} from './service-addresses.ts';

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
  explain: explainRefusal,
  otherwise: askedElsewhere,
  finish: async (input, deps) => {
    const { uid, problem, refusal } = input;
    await deps.uids.settle(keyOf(input), uid);
    if (problem !== undefined) await tell(serviceReference(input), problem, deps);
    if (refusal !== undefined) throw new TerminalError(refusal.reason, refusal.message);
    return await withAddresses(input, deps);
  },
};

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
