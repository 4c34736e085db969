/**
 * Flows that are noted where something is decided of them: in dynamic sets of a bounded size, whose elements count packets and go by
 * themselves. A set that is full takes nothing new until then, so whoever scans costs no more. Pure.
 */
import { PROTOCOL_NUMBERS } from '../compile/rule-traffic.ts';
import { chain, perFamily } from './chain.ts';

/** Notes of one kind: `<title>_<reason>4` is the set of a reason's flows of IPv4. */
export interface Notes<R extends string> {
  readonly title: string;
  readonly reasons: readonly R[];
  /** How long a flow is remembered after its last packet. */
  readonly seconds: number;
  /** Flows in one set at most. */
  readonly size: number;
}

const WITH_PORTS = '{ tcp, udp, sctp, dccp, udplite }';

/**
 * The sets: of protocols that have ports, and of others, whose numbers there would be anything. One for each reason, since nft 1.0.6
 * reads no key of more than five parts.
 */
export function noteSets<R extends string>(notes: Notes<R>): readonly string[] {
  const { seconds, size } = notes;
  const bounds = `flags dynamic,timeout; timeout ${seconds}s; size ${size};`;
  return perReason(notes, ({ name, ends }) => [
    `set ${name.ported} { typeof ${ends} . th dport; ${bounds} }`,
    `set ${name.other} { typeof ${ends}; ${bounds} }`,
  ]);
}

/** The chains that note a packet. */
export function noteChains<R extends string>(notes: Notes<R>): readonly string[] {
  return perReason(notes, ({ chain: at, name, ends }) => [
    chain(at, undefined, [
      `meta l4proto ${WITH_PORTS} update @${name.ported} { ${ends} . th dport counter }`,
      `meta l4proto != ${WITH_PORTS} update @${name.other} { ${ends} counter }`,
    ]),
  ]);
}

/** The chain that notes a packet of a family, for a reason. */
export function noteChain<R extends string>({ title }: Notes<R>, reason: R, n: string): string {
  return `note_${title}_${reason}${n}`;
}

/** What nft is told to list: one set at a time, since 1.0.6 knows only the last of several. */
export function noteListings<R extends string>(notes: Notes<R>): readonly string[] {
  return perReason(notes, ({ name: { ported, other } }) => [ported, other]);
}

interface NoteNames {
  readonly chain: string;
  readonly name: { readonly ported: string; readonly other: string };
  readonly ends: string;
}

function perReason<R extends string>(
  notes: Notes<R>,
  lines: (names: NoteNames) => readonly string[],
): readonly string[] {
  const { title, reasons } = notes;
  return perFamily(({ n, ip }) =>
    reasons.flatMap((reason) =>
      lines({
        chain: noteChain(notes, reason, n),
        name: { ported: `${title}_${reason}${n}`, other: `${title}_${reason}_other${n}` },
        ends: `ct mark . ${ip} saddr . ${ip} daddr . meta l4proto`,
      }),
    ),
  );
}

/** A noted flow as the kernel has it. */
export interface Noted<R extends string> {
  readonly reason: R;
  /** The connection's mark: a pair, or the source alone. */
  readonly mark: number;
  readonly from: string;
  readonly to: string;
  /** `tcp`; a number where it has no name. */
  readonly protocol: string;
  /** Absent for protocols without ports. */
  readonly port?: number;
  readonly packets: number;
  /** Since its last packet. */
  readonly secondsAgo: number;
}

/** Reads nft's listing of such a set. */
export function parseNoted<R extends string>({ title, reasons, seconds }: Notes<R>, text: string): readonly Noted<R>[] {
  const reason = reasons.find((each) => text.includes(`set ${title}_${each}`));
  if (reason === undefined) return [];
  return [...text.matchAll(ELEMENT)].map((match) => {
    const [, mark = '', from = '', to = '', protocol = '', port, packets = '', left = ''] = match;
    return {
      reason,
      mark: Number(mark),
      from,
      to,
      protocol: PROTOCOL_NAMES[protocol] ?? protocol,
      ...(port === undefined ? {} : { port: Number(port) }),
      packets: Number(packets),
      secondsAgo: Math.max(0, seconds - secondsOf(left)),
    };
  });
}

const ELEMENT =
  /(0x[0-9a-f]+) \. ([0-9a-f.:]+) \. ([0-9a-f.:]+) \. ([\w-]+)(?: \. (\d+))? counter packets (\d+) bytes \d+ expires (\w+)/g;

/** Nft has these from /etc/protocols, which an image need not have: it lists numbers there. */
const PROTOCOL_NAMES: Readonly<Record<string, string>> = Object.fromEntries(
  ['icmp', 'tcp', 'udp', 'dccp', 'ipv6-icmp', 'sctp', 'udplite'].map((name) => [PROTOCOL_NUMBERS[name], name]),
);

/** `9m57s964ms`, whole seconds. */
function secondsOf(left: string): number {
  const part = (unit: string): number => Number(new RegExp(`(\\d+)${unit}(?!s)`).exec(left)?.[1] ?? 0);
  return part('h') * 3600 + part('m') * 60 + part('s');
}
