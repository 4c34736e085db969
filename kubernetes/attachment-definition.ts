/** A NetworkAttachmentDefinition as this project reads it: whose it is, and which network it stands for (facts 1.8). Pure. */
import { ANNOTATION } from './annotations.ts';
import type { KubeObject } from './client.ts';
import { type FabricFlags, fabricFlags, NO_FABRIC } from './fabric-flags.ts';
import { type NetworkReference, type Parsed, parseCidrs, parseNetwork, parseSwitch } from './grammar.ts';
import { ourAnnotations } from './objects.ts';
import { parseRanges } from './ranges.ts';
import type { AddressRange } from './virtual-network.ts';
import type { AnnotationProblem } from './problems.ts';

export interface SlimAttachmentDefinition {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly annotations: Readonly<Record<string, string>>;
  /** The text of `spec.config`. */
  readonly config: string;
  readonly deletionTimestamp?: string;
}

/** The API's path of all definitions. */
export const ATTACHMENT_DEFINITIONS = '/apis/k8s.cni.cncf.io/v1/network-attachment-definitions';

/** The types of `spec.config` that are ours: today's, and that of the original system. */
const OUR_CNI_TYPES: readonly string[] = ['opencontrail-cni', 'contrail-k8s-cni'];

/** What a definition stands for. */
export type DefinitionMeaning =
  /** Another plugin's. */
  | { readonly kind: 'foreign'; readonly type: string }
  | { readonly kind: 'refused'; readonly problems: readonly AnnotationProblem[] }
  /** A network that stands by itself. */
  | { readonly kind: 'reference'; readonly network: NetworkReference }
  /** A network of the definition's own, with these subnets. */
  | ({
      readonly kind: 'subnets';
      readonly cidrs: readonly string[];
      /** Ranges of them that are given to nobody who does not ask. */
      readonly excluded: readonly AddressRange[];
    } & FabricFlags);

/** The path of one definition. */
export function attachmentDefinitionPath(namespace: string, name: string): string {
  return `/apis/k8s.cni.cncf.io/v1/namespaces/${namespace}/network-attachment-definitions/${name}`;
}

export function slimAttachmentDefinition(raw: KubeObject): SlimAttachmentDefinition {
  const { metadata, spec } = raw as KubeObject & { readonly spec?: { readonly config?: unknown } }; // Read below with care.
  const { deletionTimestamp } = metadata;
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid,
    annotations: ourAnnotations(metadata.annotations),
    config: typeof spec?.config === 'string' ? spec.config : '',
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
  };
}

/** Whose a definition is and what it stands for; where both annotations stand, `network` wins (facts 1.8). */
export function meaningOf(definition: Omit<SlimAttachmentDefinition, 'uid'>): DefinitionMeaning {
  const type = cniTypeOf(definition.config);
  if (!OUR_CNI_TYPES.includes(type)) return { kind: 'foreign', type };
  return definition.annotations[ANNOTATION.network] === undefined ? ownNetwork(definition) : reference(definition);
}

function reference({ annotations }: Pick<SlimAttachmentDefinition, 'annotations'>): DefinitionMeaning {
  const network = read(annotations, ANNOTATION.network, parseNetwork);
  if ('problem' in network) return { kind: 'refused', problems: [network] };
  return network.value === undefined ? nothing() : { kind: 'reference', network: network.value };
}

function ownNetwork({ annotations, name, namespace }: Omit<SlimAttachmentDefinition, 'uid'>): DefinitionMeaning {
  const flags = [ANNOTATION.snat, ANNOTATION.forwarding].map((key) => read(annotations, key, parseSwitch));
  const cidrs = read(annotations, ANNOTATION.cidr, parseCidrs);
  if ('problem' in cidrs) return { kind: 'refused', problems: [cidrs] };
  const excluded = read(annotations, ANNOTATION.excluded, parseRanges);
  const wrong = [...flags, excluded].flatMap((each) => ('problem' in each ? [each] : []));
  if (wrong.length > 0 || 'problem' in excluded) return { kind: 'refused', problems: wrong };
  if (cidrs.value === undefined) return nothing();
  if (name === namespace) return ambiguous(annotations[ANNOTATION.cidr] ?? '');
  return {
    kind: 'subnets',
    cidrs: cidrs.value,
    excluded: excluded.value ?? [],
    ...fabricFlags(annotations, NO_FABRIC),
  };
}

/** Its network would have the name of the namespace's own (facts 1.2.4a, 1.8). */
function ambiguous(value: string): DefinitionMeaning {
  const problem =
    "is of a definition that is called like its namespace, whose own network has the name that this one's would have";
  const mend = 'give the definition another name';
  return { kind: 'refused', problems: [{ annotation: ANNOTATION.cidr, value, problem, mend }] };
}

function nothing(): DefinitionMeaning {
  const problem = 'is absent, and so is its alternative: the definition stands for no network';
  const mend = `write ${ANNOTATION.cidr} with a subnet, or ${ANNOTATION.network} with the name of a network`;
  return { kind: 'refused', problems: [{ annotation: ANNOTATION.cidr, value: '', problem, mend }] };
}

function read<T>(
  annotations: Readonly<Record<string, string>>,
  annotation: string,
  parse: (text: string) => Parsed<T>,
): AnnotationProblem | { readonly value: T | undefined } {
  const value = annotations[annotation];
  if (value === undefined) return { value: undefined };
  const parsed = parse(value);
  return parsed.ok ? { value: parsed.value } : { annotation, value, problem: parsed.problem, mend: parsed.mend };
}

/** The `type` of a CNI configuration, or of a list's first plugin; empty where the text is neither. */
function cniTypeOf(config: string): string {
  try {
    const parsed: unknown = JSON.parse(config);
    return typeOf(parsed) ?? typeOf(firstPlugin(parsed)) ?? '';
  } catch {
    return ''; // No JSON: nobody's.
  }
}

function typeOf(value: unknown): string | undefined {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'
    ? value.type
    : undefined;
}

function firstPlugin(value: unknown): unknown {
  const hasPlugins = typeof value === 'object' && value !== null && 'plugins' in value;
  return hasPlugins && Array.isArray(value.plugins) ? (value.plugins as readonly unknown[])[0] : undefined;
}
