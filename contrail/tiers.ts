/**
 * What Contrail's firewall objects cannot say of a ClusterNetworkPolicy, as annotations that the vRouter of this project reads
 * (docs/adr/0014): the keys.
 */

/** On a policy: the tier it stands in, `Admin` or `Baseline`. */
export const TIER = 'tier';
/** On a rule: the only direction that it is judged in, `ingress` or `egress`: at the target, or at the source. */
export const DIRECTION = 'direction';
/** On a rule: `Accept`, `Deny` or `Pass`. */
export const ACTION = 'action';
/** On a rule: what its author would call it. */
export const TITLE = 'title';
