/** VirtualNetworks that the underlay routes: all share one space of addresses, with the cluster's own. Pure. */
import { isDeepStrictEqual } from 'node:util';
import type { AnnotationProblem } from '../../kubernetes/problems.ts';
import { slimVirtualNetwork } from '../../kubernetes/virtual-network.ts';
import { cidrsOverlap } from '../../runtime/cidr.ts';
import { allowed, type Decision } from '../decision.ts';
import type { AdmissionRequest } from '../review.ts';
import { type ClusterView, refused } from './handler.ts';

/** Refuses one that is to be routed and has addresses of another. What the cache has not seen yet, the workers' status tells. */
export function judgeRouted({ object, oldObject, ...request }: AdmissionRequest, view: ClusterView): Decision {
  if (object === null || object === undefined || isDeepStrictEqual(object.spec, oldObject?.spec)) return allowed();
  const { forwarding, subnets } = slimVirtualNetwork({
    metadata: { namespace: request.namespace, name: request.name, uid: '', resourceVersion: '' },
    spec: object.spec,
  });
  if (!forwarding) return allowed();
  const others = othersThan(`${request.namespace}/${request.name}`, view);
  const problems = subnets.flatMap(({ cidr }, index): readonly AnnotationProblem[] => {
    const other = others.find((each) => cidrsOverlap(cidr, each.cidr));
    if (other === undefined) return [];
    return [
      {
        annotation: `spec.subnets[${index}].cidr`,
        value: cidr,
        problem: `overlaps with ${other.cidr} of ${other.owner}, and the underlay routes both`,
        mend: 'use another subnet, or leave spec.forwarding away',
      },
    ];
  });
  return problems.length === 0 ? allowed() : refused(problems);
}

/** Subnets that the underlay routes already, or has pods of the cluster in, and whose they are. */
function othersThan(own: string, { podCidrs, routedNetworks }: ClusterView) {
  return [
    ...podCidrs.map((cidr) => ({ cidr, owner: "the cluster's own pods" })),
    ...(routedNetworks?.() ?? [])
      .map(({ namespace, name, subnets }) => ({ network: `${namespace}/${name}`, subnets }))
      .filter(({ network }) => network !== own)
      .flatMap(({ network, subnets }) => subnets.map(({ cidr }) => ({ cidr, owner: `VirtualNetwork ${network}` }))),
  ];
}
