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

/** A network of another namespace, which takes a permission: the verb `use` on `virtualnetworks`, unless it is shared. */
export interface NetworkUse {
  readonly annotation: string;
  /** The annotation's text. */
  readonly value: string;
  /** The namespace that the network belongs to, and the network's own name. */
  readonly namespace: string;
  readonly name: string;
  /** The network's fully qualified name. */
  readonly network: string;
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
  const use = { annotation, value, namespace: owner, name: fqName.at(-1) ?? '', network };
  return { kind: 'named', network, use };
}

/** The network that something in `namespace` refers to without asking for a permission; `undefined` where it would need one. */
export function referredNetwork(
  reference: NetworkReference,
  namespace: string,
  names: NetworkNames,
): string | undefined {
  const fqName = fullName(reference, namespace, names);
  const owner = namespaceOfNetwork(fqName, names);
  if (isReserved(fqName, owner, names) || (owner !== undefined && owner !== namespace)) return undefined;
  return fqName.join(':');
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
export function useProblem({ annotation, value, namespace, name }: NetworkUse, who: string): AnnotationProblem {
  return {
    annotation,
    value,
    problem: `is a network of namespace ${namespace}, which ${who} may not use`,
    mend: `let the network be shared with this namespace, or be granted the verb "use" on virtualnetworks.opencontrail.org "${name}" in namespace ${namespace}`,
  };
}

function fullName(reference: NetworkReference, namespace: string, names: NetworkNames): readonly string[] {
  if ('project' in reference) return [reference.domain, reference.project, reference.name];
  return virtualNetworkName(reference.namespace ?? namespace, reference.name, names);
}

function isReserved(fqName: readonly string[], owner: string | undefined, names: NetworkNames): boolean {
  if (fqName[1] === RESERVED_PROJECT) return true;
  const services = [names.clusterServiceNetwork, ...(owner === undefined ? [] : [names.serviceNetwork(owner)])];
  return services.some((service) => service.join(':') === fqName.join(':'));
}
