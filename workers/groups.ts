/** Indices over what the workers see: which pods, policies and the like belong to a name, kept as changes arrive. */
import { tagText } from '../contrail/desired/tag.ts';
import type { Names } from '../contrail/names.ts';
import { sidesOf } from '../kubernetes/chain-work.ts';
import { connectedNetworks } from '../kubernetes/connected-networks.ts';
import { Grouping } from '../kubernetes/grouping.ts';
import type { SlimFloatingIp } from '../kubernetes/floating-ip.ts';
import type { SlimIngress } from '../kubernetes/ingress.ts';
import type { SlimLogicalRouter } from '../kubernetes/logical-router.ts';
import type { SlimNetworkConnection } from '../kubernetes/network-connection.ts';
import type { SlimNetworkPolicy } from '../kubernetes/network-policy.ts';
import type { SlimPod } from '../kubernetes/objects.ts';
import type { SlimEndpointSlice } from '../kubernetes/services.ts';
import type { SlimServiceChain } from '../kubernetes/service-chain.ts';
import { labelTags } from './label-tags.ts';
import { analyzerOf } from './mirrors.ts';
import { networksOfPod } from './pod-networks.ts';
import { reachesOut } from './policy-membership.ts';
import type { WorkerService } from './services.ts';

const ANYWHERE = 'anywhere';

/** The indices; `take` follows a change, `get` answers by name. */
export type Groups = ReturnType<typeof createGroups>;

/** Empty indices. */
export function createGroups(names: Names) {
  const policies = new Grouping<SlimNetworkPolicy>((policy) => [
    `in ${policy.namespace}`,
    ...(reachesOut(policy) ? [ANYWHERE] : []),
  ]);
  return {
    policies,
    policiesFor: (namespace: string): readonly SlimNetworkPolicy[] => [
      ...policies.get(`in ${namespace}`),
      ...policies.get(ANYWHERE).filter((policy) => policy.namespace !== namespace),
    ],
    routersByNetwork: new Grouping<SlimLogicalRouter>((router) =>
      connectedNetworks(router, names).networks.map((network) => network.join(':')),
    ),
    connectionsByNetwork: new Grouping<SlimNetworkConnection>((connection) =>
      connectedNetworks(connection, names).networks.map((network) => network.join(':')),
    ),
    /** By the chain that they lead through, `namespace/name`. */
    connectionsThrough: new Grouping<SlimNetworkConnection>(({ namespace, through }) =>
      through === undefined ? [] : [`${namespace}/${through}`],
    ),
    /** By the pod that is sent copies of what they let pass, `namespace/name`. */
    connectionsByAnalyzer: new Grouping<SlimNetworkConnection>(({ namespace, mirror }) =>
      mirror === undefined ? [] : [`${namespace}/${mirror}`],
    ),
    chainsByNetwork: new Grouping<SlimServiceChain>((chain) => sidesOf(chain, names).map((side) => side.join(':'))),
    chainsByNamespace: new Grouping<SlimServiceChain>(({ namespace }) => [namespace]),
    floatingIpsByNamespace: new Grouping<SlimFloatingIp>(({ namespace }) => [namespace]),
    slicesByService: new Grouping<SlimEndpointSlice>(({ namespace, service }) =>
      service === undefined ? [] : [`${namespace}/${service}`],
    ),
    podsByNetwork: new Grouping<SlimPod>((pod) =>
      networksOfPod(pod).flatMap((network) => [network, placeOf(pod.namespace, network)]),
    ),
    servicesByNamespace: new Grouping<WorkerService>(({ namespace }) => [namespace]),
    ingressesByNamespace: new Grouping<SlimIngress>(({ namespace }) => [namespace]),
    podsByNamespace: new Grouping<SlimPod>(({ namespace }) => [namespace]),
    /** By the tags that their own labels stand for, `app=web`. */
    podsByTag: new Grouping<SlimPod>((pod) => labelTags({ pod, namespaceLabels: {} }).map(tagText)),
    /** By the analyzers that they are copied to. */
    podsByAnalyzer: new Grouping<SlimPod>((pod) => {
      const analyzer = analyzerOf(pod);
      return analyzer === undefined ? [] : [`${pod.namespace}/${analyzer}`];
    }),
    podsByNode: new Grouping<SlimPod>(({ nodeName }) => (nodeName === undefined ? [] : [nodeName])),
  };
}

/** Where a pod of a namespace is in a network, as `podsByNetwork` has it. Neither name holds a space. */
export function placeOf(namespace: string, network: string): string {
  return `${namespace} ${network}`;
}
