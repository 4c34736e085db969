/** A chain as Contrail is to have it: which pods work for which of its services. Pure. */
import type { ServiceChainInput } from '../../contrail/desired/service-chain.ts';
import { sidesOf, type Work, workOf } from '../../kubernetes/chain-work.ts';
import type { SlimPod } from '../../kubernetes/objects.ts';
import type { ChainService, SlimServiceChain } from '../../kubernetes/service-chain.ts';
import type { ClusterSettings } from '../cluster-settings.ts';
import { isWantedPod } from './pod.ts';

/** What concerns a chain, and what its status says of each service. */
export interface ServiceChainSubject extends ServiceChainInput {
  readonly uid: string;
  readonly generation: number;
  readonly status: readonly ServiceStatus[];
}

/** What the status says of a service. */
export interface ServiceStatus {
  readonly name: string;
  /** How many pods its selector means, and how many of them work for it now. */
  readonly pods: number;
  readonly ready: number;
  /** Why others do not, be they Ready or not. */
  readonly idle: readonly string[];
}

interface Known {
  /** Those of the chain's namespace. */
  readonly pods: readonly SlimPod[];
  readonly chains: readonly SlimServiceChain[];
}

/** Of each service the pods that have its interfaces, Ready or not. */
export function chainSubject(
  chain: SlimServiceChain,
  { pods, chains }: Known,
  { names }: Pick<ClusterSettings, 'names'>,
): ServiceChainSubject {
  const { namespace, name, uid, generation, services } = chain;
  // The cache of chains may not have it yet.
  const all = [...chains.filter((each) => each.name !== name), chain];
  const selected = pods.filter(isWantedPod).flatMap((pod) => workOf(pod, all, names).map((work) => ({ pod, work })));
  const [left, right] = sidesOf(chain, names);
  const chosen = services.map((service) => ({
    service,
    members: selected.filter(({ work }) => work.chain === name && work.service === service.name),
  }));
  return {
    namespace,
    name,
    uid,
    generation,
    left,
    right,
    services: chosen.map(({ service, members }) => ({
      name: service.name,
      mode: MODES[service.kind],
      isBypassed: service.whenEmpty === 'Bypass',
      pods: members
        .filter(({ work }) => work.kind === 'works')
        .map(({ pod }) => pod.name)
        .sort(),
    })),
    status: chosen.map(({ service, members }) => statusOf(service, members)),
  };
}

/** Names of the services that nobody works for, and that traffic does not go on without. */
export function blockingServices({
  services,
  status,
}: Pick<ServiceChainSubject, 'services' | 'status'>): readonly string[] {
  const isEmpty = (name: string): boolean => status.some((each) => each.name === name && each.ready === 0);
  return services.filter(({ name, isBypassed }) => !isBypassed && isEmpty(name)).map(({ name }) => name);
}

const MODES = { InNetwork: 'in-network', InNetworkNAT: 'in-network-nat', Transparent: 'transparent' } as const;

function statusOf(
  { name }: ChainService,
  members: readonly { readonly pod: SlimPod; readonly work: Work }[],
): ServiceStatus {
  return {
    name,
    pods: members.length,
    ready: members.filter(({ pod, work }) => work.kind === 'works' && pod.isReady === true).length,
    idle: members.flatMap(({ pod, work }) => (work.kind === 'idle' ? [`pod ${pod.name} ${work.problem}`] : [])).sort(),
  };
}
