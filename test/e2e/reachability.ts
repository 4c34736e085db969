/** Who may reach whom (facts 3.2, design 1): the acceptance table of this project, all modes, as data. Pure. */

/**
 * A place a connection starts at or ends in: namespaces that are not isolated; two isolated ones, which stand for all of them;
 * two apps of an app-isolated namespace, the first of which lists the second's services, and what has no app there; a network
 * of a user's own, and one without access to services; the nodes.
 */
export type Place =
  | 'default'
  | 'isolatedA'
  | 'isolatedB'
  | 'appWeb'
  | 'appDb'
  | 'appNone'
  | 'custom'
  | 'customClosed'
  | 'node';
/** What is asked for there. A node has no service of its own. */
export type Kind = 'pod' | 'service' | 'node';

const POD: readonly Kind[] = ['pod'];
const SERVICE: readonly Kind[] = ['service'];
const BOTH: readonly Kind[] = ['pod', 'service'];
const NODE: readonly Kind[] = ['node'];

/** Services of namespaces that are not isolated, also where their pods have chosen networks of their own. */
const CLUSTER_SERVICES = { default: SERVICE, custom: SERVICE, customClosed: SERVICE } as const;

/** From each place, the targets that answer; whatever is not listed must not. */
const ALLOWED: Readonly<Record<Place, Readonly<Partial<Record<Place, readonly Kind[]>>>>> = {
  default: { ...CLUSTER_SERVICES, default: BOTH, node: NODE },
  isolatedA: { ...CLUSTER_SERVICES, isolatedA: BOTH, node: NODE },
  isolatedB: { ...CLUSTER_SERVICES, isolatedB: BOTH, node: NODE },
  appWeb: { appWeb: BOTH, appDb: SERVICE, node: NODE },
  appDb: { appDb: BOTH, node: NODE },
  appNone: { ...CLUSTER_SERVICES, appNone: BOTH, node: NODE },
  custom: { ...CLUSTER_SERVICES, custom: BOTH },
  customClosed: { customClosed: POD },
  node: {
    ...CLUSTER_SERVICES,
    default: BOTH,
    isolatedA: BOTH,
    isolatedB: BOTH,
    appWeb: BOTH,
    appDb: BOTH,
    appNone: BOTH,
    node: NODE,
  },
};

/** Whether a connection from `from` to a `kind` in `to` must come about. */
export function isReachable(from: Place, to: Place, kind: Kind): boolean {
  return ALLOWED[from][to]?.includes(kind) ?? false;
}

/** Whether the cluster's DNS answers there. */
export function hasDns(place: Place): boolean {
  return place !== 'customClosed' && place !== 'node';
}
