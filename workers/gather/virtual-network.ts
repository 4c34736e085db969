/** A VirtualNetwork: its subnets from Kubernetes, its network and ipam from Contrail; kept as long as pods are in it. */
import { desiredVirtualNetwork, subnetOf, type VirtualNetworkInput } from '../../contrail/desired/virtual-network.ts';
import { ownerOf } from '../../contrail/ownership.ts';
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import { portsOfPod } from '../../kubernetes/ports.ts';
import { TerminalError } from '../../runtime/errors.ts';
import type { Deps, Observation, Reconciler } from '../deps.ts';
import { refuseSharedAddresses } from '../forwarded-subnets.ts';
import { type Key, networkKey } from '../keys.ts';
import { readVirtualNetwork } from '../lookup.ts';
import { writeReady } from '../resource-status.ts';
import { withStandingGateways } from '../standing-gateways.ts';
import { withAddresses } from '../subnets.ts';

/** What concerns a VirtualNetwork; its users are part of it, so that a change of them is written to its status. */
export interface VirtualNetworkSubject extends VirtualNetworkInput {
  readonly uid: string;
  readonly generation: number;
  readonly serviceAccess: boolean;
  /** Keys of the pods in the network, sorted. */
  readonly users: readonly string[];
}

export const virtualNetworkReconciler: Reconciler<VirtualNetworkSubject> = {
  input: async ({ namespace, name }, deps) => {
    const found = await readVirtualNetwork(namespace, name, deps);
    if (found === undefined) return undefined;
    const { uid, generation, subnets, snat, forwarding, serviceAccess } = found;
    return {
      namespace,
      name,
      uid,
      generation,
      subnets,
      snat,
      forwarding,
      serviceAccess,
      users: usersOf({ namespace, name }, deps),
    };
  },
  observe,
  desired: (input, settings, { found }) =>
    withStandingGateways(
      withAddresses(() => desiredVirtualNetwork(input, settings)),
      found,
    ),
  finish: async (input, deps) => {
    await writeStatus(input, deps);
    // What is attached to the network, and pods that waited for it; those that no webhook saw do not say which they wait for.
    const network = networkKey(networkOf(input, deps).join(':'));
    await deps.digests.forget(network);
    const near = new Set([...input.users, ...deps.view.podsIn(input.namespace)]);
    deps.enqueue([network, ...[...near].filter((key) => isWaiting(key, deps))]);
    return input;
  },
};

/** Names of users that a status lists at most: enough to find them, and no more than an object may hold. */
const LISTED = 20;

async function writeStatus(input: VirtualNetworkSubject, deps: Deps): Promise<void> {
  const names = input.users.slice(0, LISTED).map((key) => key.split('/').slice(1).join('/'));
  const facts = { network: networkOf(input, deps).join(':'), users: { pods: input.users.length, names } };
  const status = deps.view.virtualNetworks.get(`${input.namespace}/${input.name}`)?.status;
  await writeReady(deps.kube, { ...input, resource: 'virtualnetworks', status }, facts);
}

function isWaiting(key: string, { view }: Deps): boolean {
  const pod = view.pods.get(key.split('/').slice(1).join('/'));
  return pod !== undefined && portsOfPod(pod.annotations[ANNOTATION.ports], pod.uid) === undefined;
}

type Named = Pick<Key, 'namespace' | 'name'>;

function networkOf({ namespace, name }: Named, { settings }: Deps) {
  return settings.names.virtualNetwork(namespace, name);
}

function usersOf(key: Named, deps: Deps): readonly string[] {
  return [...deps.view.podsInNetwork(networkOf(key, deps).join(':'))].sort();
}

async function observe(key: Key, input: VirtualNetworkSubject | undefined, deps: Deps): Promise<Observation> {
  // Deleted past the webhook, or with its namespace: what its pods stand on stays until they are gone.
  if (input === undefined && usersOf(key, deps).length > 0) return { kind: 'observed', found: [] };
  const { contrail, settings } = deps;
  if (input?.forwarding) {
    const subnets = input.subnets.map((subnet) => subnetOf({ cidr: subnet.cidr }).subnet);
    await refuseSharedAddresses({ fqName: networkOf(key, deps), subnets }, deps);
  }
  const [networks, ipams] = await Promise.all([
    contrail.list('virtual-network', { fqNames: [networkOf(key, deps)], detail: true }),
    contrail.list('network-ipam', {
      fqNames: [settings.names.virtualNetworkIpam(key.namespace, key.name)],
      detail: true,
    }),
  ]);
  const found = [...networks, ...ipams];
  const foreign = found.find((object) => !isOwn(ownerOf(object), key, settings.cluster));
  if (foreign !== undefined && input !== undefined) {
    const name = foreign.fq_name.join(':');
    throw new TerminalError('NameTaken', `${foreign.type} ${name} is somebody else's: choose another name`);
  }
  return { kind: 'observed', found };
}

function isOwn(owner: ReturnType<typeof ownerOf>, { kind, namespace, name }: Key, cluster: string): boolean {
  return owner?.cluster === cluster && owner.kind === kind && owner.namespace === namespace && owner.name === name;
}
