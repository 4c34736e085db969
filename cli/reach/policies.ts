/** Which NetworkPolicies a port's security groups come from, and how a refusal by them is told. Pure. */
import type { SlimNetworkPolicy } from '../../kubernetes/network-policy.ts';
import { isSelected } from '../../kubernetes/selector.ts';
import type { PodEnd } from './directory.ts';

/** Whether a group (colon form) is one of a policy's: they are named `<policy>__<uid>…`. */
export function isPartOf(group: string, { name, uid }: SlimNetworkPolicy): boolean {
  return group.split(':').at(-1)?.startsWith(`${name}__${uid}`) ?? false;
}

/** The policies that restrict a pod in a direction, of those whose groups it is in; the groups, where none of them is known. */
export function restricting(
  groups: readonly string[],
  { direction, pod }: { readonly direction: 'ingress' | 'egress'; readonly pod: PodEnd },
  policies: readonly SlimNetworkPolicy[],
): readonly string[] {
  const own = policies.filter(
    (policy) =>
      policy[direction] !== undefined &&
      isSelected(pod.labels, policy.podSelector) &&
      groups.some((group) => isPartOf(group, policy)),
  );
  const named = own.map(({ namespace, name }) => `NetworkPolicy ${namespace}/${name}`);
  return named.length > 0 ? named : groups.map((group) => `security group ${group}`);
}

/** Of what is refused for want of a rule; of firewall policies none is named. */
export function restrictionText(what: string, by: readonly string[]): string {
  return by.length === 0 ? 'no rule allows this' : `${by.join(', ')} restricts ${what}, and no rule allows this`;
}
