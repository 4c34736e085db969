/** The answer to `why` in words. Pure. */
import { restrictionText } from '../reach/policies.ts';
import type { Answer, PassingVerdict, PolicyReason, WayAnswer } from './model.ts';

/** The verdict in the first line, and the reasons of each end below. */
export function answerText(answer: Answer): string {
  const { from, to, protocol, port, ways, service, network, nowhere } = answer;
  const asked = protocol === 'ICMP' ? protocol : `${protocol} ${port}`;
  const lines = ways.flatMap((way) => wayLines(way, { network, isBackend: to.startsWith('service ') }));
  return [
    `${VERDICTS[answer.verdict]}: ${from} → ${to} ${asked}`,
    ...(service === undefined ? [] : [`  service network: ${passingText(service, network)}`]),
    ...(nowhere === undefined ? [] : [`  ${NOWHERE[nowhere]}`]),
    ...lines,
    '',
  ].join('\n');
}

const VERDICTS = { allowed: 'allowed', denied: 'denied', some: 'allowed to some back ends only' } as const;
const NOWHERE = {
  refused: 'the service has no back end that is ready: refused',
  silent: 'the service has no back end that this node may use: dropped',
  led: 'the node that leads there is led itself: ask again in a moment',
  unknown: 'nobody in the networks that the sender may reach has this address: dropped',
  astray:
    'no network policy joins the networks of the two: it goes to the address outside the cluster, which is not the pod',
} as const;

function wayLines(
  { target, address, port, isAllowed, passing, policies }: WayAnswer,
  { network, isBackend }: { readonly network: string; readonly isBackend: boolean },
): readonly string[] {
  const reasons = [`network: ${passingText(passing, network)}`, ...policies.map(policyText)];
  if (!isBackend) return reasons.map((line) => `  ${line}`);
  const at = target === address ? `${address}:${port}` : `${target} (${address}:${port})`;
  return [`  ${isAllowed ? 'allowed' : 'denied'} to back end ${at}`, ...reasons.map((line) => `    ${line}`)];
}

function passingText({ network: to, passing, by }: PassingVerdict, from: string): string {
  const between = from === to ? `within ${to}` : `from ${from} to ${to}`;
  const policies = by.length === 0 ? '' : ` (network policy ${by.join(', ')})`;
  const words = {
    open: `everything passes ${between}${policies}`,
    limited: `this passes ${between}${policies}`,
    chained: `this passes ${between} through ${by.map(serviceText).join(', then ')}`,
    service: `the service's flows pass ${between}`,
    host: 'a node reaches its own pods and other machines',
    'beyond-limits': `this does not pass ${between}: the policies between them speak of other traffic${policies}`,
    unserved: `nothing passes ${between}: ${by.map(serviceText).join(', ')} has no pod that is Ready`,
    unconnected: `nothing passes ${between}: no network policy joins them`,
  };
  return words[passing];
}

/** A service of a ServiceChain by the names that its user knows, another one by its own. */
function serviceText(name: string): string {
  const [, chain, service] = /__ServiceChain__(.+)__(.+)$/.exec(name) ?? [];
  return service === undefined ? `service ${name}` : `service ${service} of ServiceChain ${chain}`;
}

function policyText({ direction, pod, node, verdict, by, isByRule }: PolicyReason): string {
  const words = {
    exempt: 'never judged: a pod with itself, or with the node that hosts it',
    unrestricted: 'no policy restricts it',
    allowed: `allowed by ${by.join(', ')}`,
    denied: isByRule ? `denied by ${by.join(', ')}` : `denied: ${restrictionText('it', by)}`,
  };
  return `${direction} of pod ${pod} on ${node}: ${words[verdict]}`;
}
