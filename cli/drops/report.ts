/** Refused connections as a user reads them. Pure. */
import { restrictionText } from '../reach/policies.ts';
import type { Drop } from './model.ts';

/** One line; the reason last, since it may be long. */
export function dropText({ secondsAgo, node, from, to, protocol, port, packets, ...why }: Drop): string {
  const { reason } = why;
  const what = `${from} → ${to} ${protocol.toUpperCase()}${port === undefined ? '' : ` ${port}`}`;
  const times = packets === 1 ? '' : ` (${packets} packets)`;
  return `${String(secondsAgo).padStart(3)}s ago  ${node}  ${reason.padEnd(7)}  ${what}${times}: ${reasonText(why)}\n`;
}

function reasonText({ reason, by, isByRule }: Pick<Drop, 'reason' | 'by' | 'isByRule'>): string {
  if (reason === 'network') return 'no network policy joins their networks for it';
  if (reason === 'chain') return 'a service of the ServiceChain between their networks has no pod that is Ready';
  return isByRule ? `denied by ${by.join(', ')}` : restrictionText(reason, by);
}

/** What has had further packets since the last look. */
export function news(before: readonly Drop[], now: readonly Drop[]): readonly Drop[] {
  const known = new Map(before.map((drop) => [keyOf(drop), drop.packets]));
  return now.filter((drop) => drop.packets > (known.get(keyOf(drop)) ?? 0));
}

function keyOf({ node, reason, from, to, protocol, port }: Drop): string {
  return [node, reason, from, to, protocol, port].join(' ');
}
