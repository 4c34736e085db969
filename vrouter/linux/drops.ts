/**
 * Connections that were refused, noted where they are dropped: in dynamic sets of a bounded size, whose elements count packets and go
 * by themselves. A set that is full takes nothing new until then, so whoever scans costs no more. Pure.
 */
import { chain, perFamily } from './chain.ts';

/** What refused a connection: a pod's policy in a direction, or that no pair of networks is there for it. */
const REASONS = ['ingress', 'egress', 'network'] as const;
export type DropReason = (typeof REASONS)[number];

/** How long a connection is remembered after its last packet, in seconds. */
const REMEMBERED_SECONDS = 600;
const SIZE = 4096;
const WITH_PORTS = '{ tcp, udp, sctp, dccp, udplite }';

/**
 * The sets: of protocols that have ports, and of others, whose numbers there would be anything. One for each reason, since nft 1.0.6
 * reads no key of more than five parts.
 */
export const DROP_SETS: readonly string[] = sets(({ name, ends }) => {
  const bounds = `flags dynamic,timeout; timeout ${REMEMBERED_SECONDS}s; size ${SIZE};`;
  return [
    `set ${name.ported} { typeof ${ends} . th dport; ${bounds} }`,
    `set ${name.other} { typeof ${ends}; ${bounds} }`,
  ];
});

/** The chains that note a packet, and the one that refuses where no pair is. */
export function notes(): readonly string[] {
  const chains = sets(({ chain: at, name, ends }) => [
    chain(at, undefined, [
      `meta l4proto ${WITH_PORTS} update @${name.ported} { ${ends} . th dport counter }`,
      `meta l4proto != ${WITH_PORTS} update @${name.other} { ${ends} counter }`,
    ]),
  ]);
  const refusal = chain('refuse_unpaired', undefined, [
    `meta nfproto vmap { ipv4 : jump ${noteChain('network', '4')}, ipv6 : jump ${noteChain('network', '6')} }`,
    'counter name unpaired drop',
  ]);
  return [...chains, refusal];
}

/** The chain that notes a packet of a family, for a reason. */
export function noteChain(reason: DropReason, n: string): string {
  return `note_${reason}${n}`;
}

interface Noted {
  readonly chain: string;
  readonly name: { readonly ported: string; readonly other: string };
  readonly ends: string;
}

function sets(lines: (noted: Noted) => readonly string[]): readonly string[] {
  return perFamily(({ n, ip }) =>
    REASONS.flatMap((reason) =>
      lines({
        chain: noteChain(reason, n),
        name: { ported: `dropped_${reason}${n}`, other: `dropped_${reason}_other${n}` },
        ends: `ct mark . ${ip} saddr . ${ip} daddr . meta l4proto`,
      }),
    ),
  );
}

/** A refused connection as the kernel has it. */
export interface NotedDrop {
  readonly reason: DropReason;
  /** The connection's mark: a pair, or the source alone. */
  readonly mark: number;
  readonly from: string;
  readonly to: string;
  /** As nft names it: `tcp`; a number where it has no name. */
  readonly protocol: string;
  /** Absent for protocols without ports. */
  readonly port?: number;
  readonly packets: number;
  /** Since its last packet. */
  readonly secondsAgo: number;
}

/** What nft is told to list: one set at a time, since 1.0.6 knows only the last of several. */
export const DROP_LISTINGS: readonly string[] = sets(({ name: { ported, other } }) => [ported, other]);

/** Reads nft's listing of such a set. */
export function parseDrops(text: string): readonly NotedDrop[] {
  const reason = REASONS.find((each) => text.includes(`set dropped_${each}`));
  if (reason === undefined) return [];
  return [...text.matchAll(ELEMENT)].map((match) => {
    const [, mark = '', from = '', to = '', protocol = '', port, packets = '', left = ''] = match;
    return {
      reason,
      mark: Number(mark),
      from,
      to,
      protocol,
      ...(port === undefined ? {} : { port: Number(port) }),
      packets: Number(packets),
      secondsAgo: Math.max(0, REMEMBERED_SECONDS - secondsOf(left)),
    };
  });
}

const ELEMENT =
  /(0x[0-9a-f]+) \. ([0-9a-f.:]+) \. ([0-9a-f.:]+) \. ([\w-]+)(?: \. (\d+))? counter packets (\d+) bytes \d+ expires (\w+)/g;

/** `9m57s964ms`, whole seconds. */
function secondsOf(left: string): number {
  const part = (unit: string): number => Number(new RegExp(`(\\d+)${unit}(?!s)`).exec(left)?.[1] ?? 0);
  return part('h') * 3600 + part('m') * 60 + part('s');
}
