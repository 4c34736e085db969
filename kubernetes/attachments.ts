/**
 * A pod's interfaces besides the first, from `k8s.v1.cni.cncf.io/networks`: their names, networks, and what is asked for each.
 * An entry that cannot be served is a problem that names it, never an interface left out. Pure.
 */
import { ANNOTATION } from './annotations.ts';
import { meaningOf, type SlimAttachmentDefinition } from './attachment-definition.ts';
import { type NetworkNames, type NetworkUse, networkUse, referredNetwork } from './custom-network.ts';
import { type NetworkSelection, type Parser, parseAddresses, parseMac, parseNetworks } from './grammar.ts';
import { FIRST_INTERFACE } from './ports.ts';
import type { AnnotationProblem } from './problems.ts';

/** What is asked for an interface besides its network. */
export interface InterfaceRequest {
  /** Addresses, at most one of each family; with or without a length. */
  readonly ips: readonly string[];
  readonly mac?: string;
  /** Whether the pod's default route leaves through it. */
  readonly defaultRoute: boolean;
}

/** One further interface. */
export interface FurtherInterface {
  readonly name: string;
  /** The network's fully qualified name, its parts joined by colons. */
  readonly network: string;
  readonly from: 'pod';
  /** The definition, `namespace/name`; absent where a ServiceChain asks for the interface. */
  readonly attachment?: string;
}

/** What the decision depends on. */
export interface AttachmentContext {
  /** A definition by namespace and name; `undefined` where there is none. */
  readonly definitionOf?: ((namespace: string, name: string) => SlimAttachmentDefinition | undefined) | undefined;
  /** Another plugin (Multus) makes the interfaces of definitions that are not ours. */
  readonly foreignElsewhere?: boolean;
  readonly names: NetworkNames & {
    readonly attachmentNetwork: (namespace: string, definition: string) => readonly string[];
  };
}

export type FurtherInterfaces =
  | {
      readonly kind: 'interfaces';
      readonly interfaces: readonly FurtherInterface[];
      /** Definitions and networks of other namespaces among them: the caller asks for the permission. */
      readonly uses: readonly NetworkUse[];
    }
  | { readonly kind: 'refused'; readonly problems: readonly AnnotationProblem[] };

/** The definitions that a pod names, as `namespace` and `name`; none where its annotation cannot be read. */
export function definitionsNamed(
  annotations: Readonly<Record<string, string>>,
  namespace: string,
): readonly { readonly namespace: string; readonly name: string }[] {
  return selectionsOf(annotations).map((selection) => ({
    namespace: selection.namespace ?? namespace,
    name: selection.name,
  }));
}

/** The further interfaces of a pod of `namespace`, in the order of its annotation; without names they are net1, net2, … */
export function furtherInterfaces(
  annotations: Readonly<Record<string, string>>,
  namespace: string,
  context: AttachmentContext,
): FurtherInterfaces {
  const named = namedSelections(annotations);
  const value = annotations[ANNOTATION.networks] ?? '';
  const verdicts = named.map((entry) => interfaceOf(entry, { namespace, value }, context));
  const problems = [
    ...verdicts.flatMap((verdict) => (typeof verdict === 'string' ? [unusable(verdict)] : [])),
    ...twice(named),
  ];
  if (problems.length === 0) {
    const found = verdicts.flatMap((verdict) => (typeof verdict === 'object' ? verdict : []));
    const uses = found.flatMap((each) => each.uses);
    return { kind: 'interfaces', interfaces: found.map(({ port }) => port), uses };
  }
  return { kind: 'refused', problems: problems.map((wrong) => ({ annotation: ANNOTATION.networks, value, ...wrong })) };
}

type Wrong = Pick<AnnotationProblem, 'problem' | 'mend'>;

function unusable(problem: string): Wrong {
  return { problem, mend: 'name definitions that exist and whose config is of type opencontrail-cni' };
}

/** What a pod asks for its interfaces, by interface name: `opencontrail.org/ips` and `mac` for eth0, the selection's own else. */
export function interfaceRequests(
  annotations: Readonly<Record<string, string>>,
): ReadonlyMap<string, InterfaceRequest> {
  const further = namedSelections(annotations);
  const holder = further.find(asksForDefaultRoute)?.name ?? FIRST_INTERFACE;
  const requests = further.map(({ name, selection }) => {
    const { ips = [], mac } = selection;
    return [
      name,
      { ips, defaultRoute: name === holder, ...(mac === undefined ? {} : { mac: mac.toLowerCase() }) },
    ] as const;
  });
  return new Map([
    [FIRST_INTERFACE, { ...firstRequest(annotations), defaultRoute: holder === FIRST_INTERFACE }] as const,
    ...requests,
  ]);
}

function asksForDefaultRoute({ selection }: NamedSelection): boolean {
  return (selection['default-route']?.length ?? 0) > 0;
}

function firstRequest(annotations: Readonly<Record<string, string>>): Omit<InterfaceRequest, 'defaultRoute'> {
  const ips = asked(annotations[ANNOTATION.ips], parseAddresses) ?? [];
  const mac = asked(annotations[ANNOTATION.mac], parseMac);
  return { ips, ...(mac === undefined ? {} : { mac }) };
}

interface NamedSelection {
  readonly name: string;
  readonly selection: NetworkSelection;
}

function selectionsOf(annotations: Readonly<Record<string, string>>): readonly NetworkSelection[] {
  return asked(annotations[ANNOTATION.networks], parseNetworks) ?? [];
}

/** What is not there is not parsed: most pods ask for nothing, and a parser that refuses costs more than the whole decision. */
function asked<T>(text: string | undefined, parse: Parser<T>): T | undefined {
  if (text === undefined) return undefined;
  const parsed = parse(text);
  return parsed.ok ? parsed.value : undefined; // What cannot be read has been refused as an annotation.
}

function namedSelections(annotations: Readonly<Record<string, string>>): readonly NamedSelection[] {
  return selectionsOf(annotations).map((selection, index) => ({
    name: selection.interface ?? `net${index + 1}`,
    selection,
  }));
}

/** An interface, and the permissions that it takes. */
interface Found {
  readonly port: FurtherInterface;
  readonly uses: readonly NetworkUse[];
}

interface Asker {
  readonly namespace: string;
  /** The annotation's text. */
  readonly value: string;
}

/** The interface; nothing where another plugin makes it; or what is wrong, as a text. */
function interfaceOf(
  { name, selection }: NamedSelection,
  asker: Asker,
  context: AttachmentContext,
): readonly Found[] | string {
  const home = selection.namespace ?? asker.namespace;
  const attachment = `${home}/${selection.name}`;
  const definition = context.definitionOf?.(home, selection.name);
  if (definition === undefined) return `names ${attachment}, which is no NetworkAttachmentDefinition`;
  const meaning = meaningOf(definition);
  switch (meaning.kind) {
    case 'foreign':
      if (context.foreignElsewhere === true) return [];
      return `names ${attachment}, whose config is of type "${meaning.type}", which is not ours`;
    case 'refused':
      return `names ${attachment}, whose ${meaning.problems.map((each) => `${each.annotation} ${each.problem}`).join(', ')}`;
    case 'subnets': {
      const fqName = context.names.attachmentNetwork(home, selection.name);
      const port = { name, network: fqName.join(':'), from: 'pod', attachment } as const;
      return [{ port, uses: usesOf({ home, name: selection.name, fqName, owner: home }, asker) }];
    }
    case 'reference': {
      const referred = referredNetwork(meaning.network, home, context.names);
      if (referred === undefined) return `names ${attachment}, whose network is no user's`;
      const port = { name, network: referred.fqName.join(':'), from: 'pod', attachment } as const;
      return [{ port, uses: usesOf({ home, name: selection.name, ...referred }, asker) }];
    }
  }
}

/** A definition of another namespace, which stands for the networks of that namespace, too; and a network of a third one. */
function usesOf(
  at: {
    readonly home: string;
    readonly name: string;
    readonly fqName: readonly string[];
    readonly owner: string | undefined;
  },
  { namespace, value }: Asker,
): readonly NetworkUse[] {
  const { home, name, fqName, owner } = at;
  const annotation = ANNOTATION.networks;
  const isOurs = home === namespace;
  const ofNetwork =
    owner === undefined || owner === home || owner === namespace
      ? []
      : [networkUse({ annotation, value }, owner, fqName)];
  if (isOurs) return ofNetwork;
  const sharedBy = { namespace: owner ?? home, name: fqName.at(-1) ?? '' };
  const resource = 'network-attachment-definitions';
  return [{ resource, annotation, value, namespace: home, name, network: fqName.join(':'), sharedBy }, ...ofNetwork];
}

/** A name that was asked for may be one that another interface gets by its place. */
function twice(named: readonly NamedSelection[]): readonly Wrong[] {
  const names = [FIRST_INTERFACE, ...named.map(({ name }) => name)];
  const doubled = new Set(names.filter((name, index) => names.indexOf(name) !== index));
  const mend = 'give each interface its own name; those that none is given are net1, net2, … by their place';
  return [...doubled].map((name) => ({ problem: `gives two interfaces the name "${name}"`, mend }));
}
