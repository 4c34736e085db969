/**
 * The two interfaces that a pod gets for a ServiceChain which `opencontrail.org/service-chain` names: `left` and `right`, in the
 * chain's networks. Pure.
 */
import { ANNOTATION } from './annotations.ts';
import type { FurtherInterface, FurtherInterfaces } from './attachments.ts';
import { type ConnectionNames, connectedNetworks } from './connected-networks.ts';
import { parseChainName } from './grammar.ts';
import type { AnnotationProblem } from './problems.ts';
import type { SlimServiceChain } from './service-chain.ts';

/** What the decision depends on: a chain of the pod's namespace, by name; `undefined` where there is none. */
export interface ChainContext {
  readonly chainOf?: ((name: string) => SlimServiceChain | undefined) | undefined;
  readonly names: ConnectionNames;
}

const NONE: FurtherInterfaces = { kind: 'interfaces', interfaces: [], uses: [] };

/** The chain that a pod names; `undefined` where it names none, or nothing that can be read. */
export function chainNamed(annotations: Readonly<Record<string, string>>): string | undefined {
  const text = annotations[ANNOTATION.serviceChain];
  const parsed = text === undefined ? undefined : parseChainName(text);
  return parsed?.ok === true ? parsed.value : undefined;
}

/** The interfaces, besides those that the pod has already by the names in `taken`; none where it names no chain. */
export function chainInterfaces(
  annotations: Readonly<Record<string, string>>,
  taken: readonly string[],
  { chainOf, names }: ChainContext,
): FurtherInterfaces {
  const [annotation, value] = [ANNOTATION.serviceChain, chainNamed(annotations)];
  if (value === undefined) return NONE; // What cannot be read has been refused as an annotation.
  const refused = (problem: string, mend: string): FurtherInterfaces => ({
    kind: 'refused',
    problems: [{ annotation, value, problem, mend }],
  });
  const chain = chainOf?.(value);
  if (chain === undefined) return refused('is no ServiceChain of this namespace', 'create it first, or name another');
  const doubled = ['left', 'right'].find((name) => taken.includes(name));
  if (doubled !== undefined) {
    const mend = `give the interface "${doubled}" of ${ANNOTATION.networks} another name`;
    return refused(`gives a second interface the name "${doubled}"`, mend);
  }
  const { namespace, left, right } = chain;
  const { networks, uses, problems } = connectedNetworks({ namespace, networks: [left, right] }, names);
  if (problems.length > 0) return { kind: 'refused', problems: problems.map((each) => ofChain(each, value)) };
  const interfaces = networks.map(
    (network, index): FurtherInterface => ({
      name: index === 0 ? 'left' : 'right',
      network: network.join(':'),
      from: 'pod',
    }),
  );
  return { kind: 'interfaces', interfaces, uses: uses.map((use) => ({ ...use, annotation, value })) };
}

function ofChain({ value, problem, mend }: AnnotationProblem, chain: string): AnnotationProblem {
  return { annotation: ANNOTATION.serviceChain, value: chain, problem: `leads to ${value}, which ${problem}`, mend };
}
