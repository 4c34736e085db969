/** Static addresses: out of range, or another pod's. What cannot be known here the worker says in an Event. Pure. */
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import type { PodAssignment } from '../../kubernetes/assignment.ts';
import { meaningOf } from '../../kubernetes/attachment-definition.ts';
import { interfaceRequests } from '../../kubernetes/attachments.ts';
import type { AnnotationProblem } from '../../kubernetes/problems.ts';
import type { ClusterView } from './handler.ts';
import { cidrList, withoutLength } from '../../runtime/cidr.ts';

/** What is wrong with the addresses that a pod asks for, given the networks it was assigned. */
export function addressProblems(
  annotations: Readonly<Record<string, string>>,
  assignment: PodAssignment,
  view: ClusterView,
): readonly AnnotationProblem[] {
  const requests = interfaceRequests(annotations);
  return assignment.interfaces.flatMap((port) => {
    const range = rangeOf(port, assignment, view);
    const { ips = [], mac } = requests.get(port.name) ?? {};
    const told = (own: string, wrong: Wrong | undefined): readonly AnnotationProblem[] => {
      const annotation = port.attachment === undefined ? own : ANNOTATION.networks;
      return wrong === undefined ? [] : [{ annotation, value: annotations[annotation] ?? '', ...wrong }];
    };
    return [
      ...ips.flatMap((ip) => {
        const address = withoutLength(ip);
        return told(ANNOTATION.ips, wrongWith(address, { network: port.network, range }, view));
      }),
      // A network's MAC addresses are its own: another's may be the same.
      ...(mac === undefined ? [] : told(ANNOTATION.mac, held(mac, view.holderOf?.(port.network, mac, false)))),
    ];
  });
}

type Wrong = Pick<AnnotationProblem, 'problem' | 'mend'>;

interface Range {
  /** `undefined` where the network's subnets are not known here. */
  readonly cidrs: readonly string[] | undefined;
  readonly isFlat: boolean;
}

/** The subnets of an interface's network: the cluster's, a VirtualNetwork's, or its definition's. */
function rangeOf(
  port: PodAssignment['interfaces'][number],
  { mode }: PodAssignment,
  { context, podCidrs, subnetsOf }: ClusterView,
): Range {
  if (port.attachment === undefined) {
    const isFlat = FLAT_MODES.has(mode);
    return { cidrs: isFlat ? podCidrs : subnetsOf?.(port.network), isFlat };
  }
  return { cidrs: subnetsOfDefinition(port.attachment, context) ?? subnetsOf?.(port.network), isFlat: false };
}

/** Those of a definition's own network; a definition that refers to another has none. */
function subnetsOfDefinition(
  attachment: string,
  { definitionOf }: ClusterView['context'],
): readonly string[] | undefined {
  const [namespace = '', name = ''] = attachment.split('/');
  const definition = definitionOf?.(namespace, name);
  const meaning = definition === undefined ? undefined : meaningOf(definition);
  return meaning?.kind === 'subnets' ? meaning.cidrs : undefined;
}

/** Modes whose networks have their addresses from the cluster's flat space. */
const FLAT_MODES: ReadonlySet<string> = new Set(['cluster', 'namespace', 'app']);

function wrongWith(
  address: string,
  { network, range }: { readonly network: string; readonly range: Range },
  view: ClusterView,
): Wrong | undefined {
  if (range.cidrs !== undefined && !cidrList(range.cidrs)(address)) {
    const problem = `asks for ${address}, which is not in ${range.cidrs.join(', ')}, the subnets of network ${network}`;
    return { problem, mend: 'ask for an address of the network' };
  }
  return held(address, view.holderOf?.(network, address, range.isFlat));
}

function held(address: string, holder: string | undefined): Wrong | undefined {
  if (holder === undefined) return undefined;
  return {
    problem: `asks for ${address}, which pod ${holder} holds`,
    mend: 'ask for a free address, or delete that pod first',
  };
}
