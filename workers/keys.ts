/** Keys of jobs: `Pod/<namespace>/<name>`, `Node/<name>`, `Network/<fully qualified name>`, `NetworkIds/<namespace>`, `Rebuild/<epoch>`. Pure. */

/** Kinds whose keys own Contrail objects. */
export const OWNING_KINDS = [
  'Cluster',
  'Namespace',
  'Node',
  'NetworkAttachmentDefinition',
  'VirtualNetwork',
  'FloatingIPPool',
  'FloatingIP',
  'LogicalRouter',
  'ServiceChain',
  'NetworkConnection',
  'Network',
  'App',
  'NetworkPolicy',
  'ClusterNetworkPolicy',
  'Label',
  'Pod',
  'Service',
  'Ingress',
] as const;
export type OwningKind = (typeof OWNING_KINDS)[number];

/** A key that owns Contrail objects. `namespace` is empty for kinds that live in none. */
export interface Key {
  readonly kind: OwningKind;
  readonly namespace: string;
  readonly name: string;
}

const NAMESPACED: ReadonlySet<OwningKind> = new Set<OwningKind>([
  'NetworkAttachmentDefinition',
  'VirtualNetwork',
  'FloatingIP',
  'LogicalRouter',
  'ServiceChain',
  'NetworkConnection',
  'App',
  'NetworkPolicy',
  'Pod',
  'Service',
  'Ingress',
]);

export function keyText({ kind, namespace, name }: Key): string {
  return NAMESPACED.has(kind) ? `${kind}/${namespace}/${name}` : `${kind}/${name}`;
}

/** The key that a text stands for, or `undefined` when it is none that owns objects. */
export function parseKey(text: string): Key | undefined {
  const [kindText = '', ...rest] = text.split('/');
  const kind = OWNING_KINDS.find((known) => known === kindText);
  if (kind === undefined) return undefined;
  const [namespace, name] = NAMESPACED.has(kind) ? rest : ['', rest.join('/')];
  return namespace === undefined || name === undefined || name === '' ? undefined : { kind, namespace, name };
}

/** The namespaces of keys that have one, each once. */
export function namespacesOf(keys: readonly string[]): readonly string[] {
  return [...new Set(keys.flatMap((text) => parseKey(text)?.namespace || []))];
}

export const clusterKey = (name: string): string => keyText({ kind: 'Cluster', namespace: '', name });
export const namespaceKey = (name: string): string => keyText({ kind: 'Namespace', namespace: '', name });
export const nodeKey = (name: string): string => keyText({ kind: 'Node', namespace: '', name });
export const attachmentKey = (namespace: string, name: string): string =>
  keyText({ kind: 'NetworkAttachmentDefinition', namespace, name });
export const labelKey = (tag: string): string => keyText({ kind: 'Label', namespace: '', name: tag });
export const podKey = (namespace: string, name: string): string => keyText({ kind: 'Pod', namespace, name });
export const networkPolicyKey = (namespace: string, name: string): string =>
  keyText({ kind: 'NetworkPolicy', namespace, name });
export const clusterPolicyKey = (name: string): string =>
  keyText({ kind: 'ClusterNetworkPolicy', namespace: '', name });
export const serviceKey = (namespace: string, name: string): string => keyText({ kind: 'Service', namespace, name });
export const ingressKey = (namespace: string, name: string): string => keyText({ kind: 'Ingress', namespace, name });
export const virtualNetworkKey = (namespace: string, name: string): string =>
  keyText({ kind: 'VirtualNetwork', namespace, name });
export const floatingIpPoolKey = (name: string): string => keyText({ kind: 'FloatingIPPool', namespace: '', name });
export const floatingIpKey = (namespace: string, name: string): string =>
  keyText({ kind: 'FloatingIP', namespace, name });
export const logicalRouterKey = (namespace: string, name: string): string =>
  keyText({ kind: 'LogicalRouter', namespace, name });
export const serviceChainKey = (namespace: string, name: string): string =>
  keyText({ kind: 'ServiceChain', namespace, name });
export const connectionKey = (namespace: string, name: string): string =>
  keyText({ kind: 'NetworkConnection', namespace, name });
/** What is ours on a network that pods have chosen: its name in the colon form. */
export const networkKey = (network: string): string => keyText({ kind: 'Network', namespace: '', name: network });
/** An app of a namespace that isolates apps. */
export const appKey = (namespace: string, app: string): string => keyText({ kind: 'App', namespace, name: app });

const NETWORK_IDS = 'NetworkIds/';
/** A chore: the numbers of a namespace's networks are to be kept on it. */
export const networkIdsKey = (namespace: string): string => `${NETWORK_IDS}${namespace}`;
/** The namespace of such a chore, or `undefined` for any other text. */
export const namespaceOfNetworkIds = (text: string): string | undefined =>
  text.startsWith(NETWORK_IDS) ? text.slice(NETWORK_IDS.length) : undefined;
