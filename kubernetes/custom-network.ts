/** Networks of users' own: which one an annotation names, in whose namespace it lies, and which ones nobody may name. Pure. */
import { ANNOTATION } from './annotations.ts';
import { type NetworkReference, parseNetwork } from './grammar.ts';
import type { AnnotationProblem } from './problems.ts';

/** The names that the question needs; `project('')` is what all projects of this cluster's namespaces begin with. */
export interface NetworkNames {
  readonly project: (namespace: string) => readonly string[];
  readonly serviceNetwork: (namespace: string) => readonly string[];
  readonly clusterServiceNetwork: readonly string[];
}

/** What the verb `use` is granted on. */
export type UsedResource = 'virtualnetworks' | 'network-attachment-definitions';

/** A network or definition of another namespace, which takes a permission: the verb `use` on it, unless its network is shared. */
export interface NetworkUse {
  readonly resource: UsedResource;
  readonly annotation: string;
  /** The annotation's text. */
  readonly value: string;
  /** The namespace that the network belongs to, and the network's own name. */
  readonly namespace: string;
  readonly name: string;
  /** The network's fully qualified name. */
  readonly network: string;
  /** The VirtualNetwork whose sharing permits it, too; where absent, the one that is named. */
  readonly sharedBy?: { readonly namespace: string; readonly name: string };
}

export type CustomNetwork =
  | { readonly kind: 'none' }
  | { readonly kind: 'named'; readonly network: string; readonly use?: NetworkUse }
  | { readonly kind: 'refused'; readonly problem: AnnotationProblem };

/** Contrail's own project: the nodes' network lies in it, and link-local addresses. */
const RESERVED_PROJECT = 'default-project';

/** The network that `opencontrail.org/network` names on an object in (or on) `namespace`. */
export function customNetwork(
  annotations: Readonly<Record<string, string>>,
  namespace: string,
  names: NetworkNames,
): CustomNetwork {
  const annotation = ANNOTATION.network;
  const value = annotations[annotation];
  if (value === undefined) return { kind: 'none' };
  const parsed = parseNetwork(value);
  const refused = (problem: string, mend: string): CustomNetwork => ({
    kind: 'refused',
    problem: { annotation, value, problem, mend },
  });
  if (!parsed.ok) return refused(parsed.problem, parsed.mend);
  const fqName = fullName(parsed.value, namespace, names);
  const network = fqName.join(':');
  const owner = namespaceOfNetwork(fqName, names);
  if (isReserved(fqName, owner, names)) {
    return refused('is a network that no pod of a user may be in', 'name a network of your own');
  }
  if (owner === undefined || owner === namespace) return { kind: 'named', network };
  return { kind: 'named', network, use: networkUse({ annotation, value }, owner, fqName) };
}

/** The use of a network that is `owner`'s, as a part of the annotation names it. */
export function networkUse(
  { annotation, value }: Pick<NetworkUse, 'annotation' | 'value'>,
  owner: string,
  fqName: readonly string[],
): NetworkUse {
  const [name, network] = [fqName.at(-1) ?? '', fqName.join(':')];
  return { resource: 'virtualnetworks', annotation, value, namespace: owner, name, network };
}

/** The network that something in `namespace` refers to, and whose it is; `undefined` where it is no user's. */
export function referredNetwork(
  reference: NetworkReference,
  namespace: string,
  names: NetworkNames,
): { readonly fqName: readonly string[]; readonly owner: string | undefined } | undefined {
  const fqName = fullName(reference, namespace, names);
  const owner = namespaceOfNetwork(fqName, names);
  return isReserved(fqName, owner, names) ? undefined : { fqName, owner };
}

/** The fully qualified name of a VirtualNetwork. */
function virtualNetworkName(
  namespace: string,
  name: string,
  { project }: Pick<NetworkNames, 'project'>,
): readonly string[] {
  return [...project(namespace), name];
}

/** The namespace in whose project a network lies; `undefined` for projects that are no namespace's: those are the operator's. */
export function namespaceOfNetwork(
  fqName: readonly string[],
  { project }: Pick<NetworkNames, 'project'>,
): string | undefined {
  const [domain, prefix = ''] = project('');
  const own = fqName[1] ?? '';
  return fqName.length === 3 && fqName[0] === domain && own.startsWith(prefix) && own.length > prefix.length
    ? own.slice(prefix.length)
    : undefined;
}

/** What a user without the permission is told. */
export function useProblem(use: NetworkUse, who: string): AnnotationProblem {
  const { annotation, value, namespace, name, resource } = use;
  const grant = `be granted the verb "use" on ${resource}.${USED_GROUPS[resource]} "${name}" in namespace ${namespace}`;
  if (resource === 'network-attachment-definitions') {
    const problem = `names ${namespace}/${name}, a definition of another namespace, which ${who} may not use`;
    return { annotation, value, problem, mend: grant };
  }
  const which = value === use.network || annotation === ANNOTATION.network ? 'is' : `leads to ${use.network},`;
  return {
    annotation,
    value,
    problem: `${which} a network of namespace ${namespace}, which ${who} may not use`,
    mend: `let the network be shared with this namespace, or ${grant}`,
  };
}

/** The API groups of what the verb is granted on. */
export const USED_GROUPS: Readonly<Record<UsedResource, string>> = {
  virtualnetworks: 'opencontrail.org',
  'network-attachment-definitions': 'k8s.cni.cncf.io',
};

/** The VirtualNetwork whose sharing permits a use. */
export function sharedNetworkOf({ namespace, name, sharedBy }: NetworkUse): {
  readonly namespace: string;
  readonly name: string;
} {
  return sharedBy ?? { namespace, name };
}

function fullName(reference: NetworkReference, namespace: string, names: NetworkNames): readonly string[] {
  if ('project' in reference) return [reference.domain, reference.project, reference.name];
  return virtualNetworkName(reference.namespace ?? namespace, reference.name, names);
}

/** Whether a network is none that users' pods may be in: the nodes', and those of services. */
export function isReserved(fqName: readonly string[], owner: string | undefined, names: NetworkNames): boolean {
  if (fqName[1] === RESERVED_PROJECT) return true;
  const services = [names.clusterServiceNetwork, ...(owner === undefined ? [] : [names.serviceNetwork(owner)])];
  return services.some((service) => service.join(':') === fqName.join(':'));
}
