/** The services of chains that a pod works for. Pure. */
import type { PodService } from '../../contrail/desired/pod-service.ts';
import { workOf } from '../../kubernetes/chain-work.ts';
import type { SlimPod } from '../../kubernetes/objects.ts';
import type { SlimServiceChain } from '../../kubernetes/service-chain.ts';
import type { ClusterSettings } from '../cluster-settings.ts';
import { serviceChainKey } from '../keys.ts';

/** A service, and the key that makes the pod's tuple. */
export interface WorkedService extends PodService {
  readonly key: string;
}

/** The field of a pod's subject: while the pod is not Ready its interfaces have no tuple, and it is sent nothing. */
export function servicesOf(
  pod: SlimPod,
  chains: readonly SlimServiceChain[],
  { names }: Pick<ClusterSettings, 'names'>,
): { readonly services?: readonly WorkedService[] } {
  if (pod.isReady !== true || chains.length === 0) return {};
  const { namespace } = pod;
  const services = workOf(pod, chains, names).flatMap((work) => {
    if (work.kind === 'idle') return [];
    const { chain, service, left, right } = work;
    const tuple = names.portTuple({ namespace, chain, service }, pod.name).join(':');
    return [{ tuple, left, right, key: serviceChainKey(namespace, chain) }];
  });
  return services.length === 0 ? {} : { services };
}
