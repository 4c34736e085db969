/**
 * Networks outside at an interface of nodes, in the kernel. Each is an instance of its own, whose mark a packet has that comes in at the
 * interface for an address of it, and that goes out there. What comes in for anybody else goes no further, but for the machine's own
 * addresses at that interface; no source of pods or nodes is believed; and at other interfaces the addresses are nobody's. Pure.
 */
import { ARRIVING, chain, FORGET_MARK, perFamily, when } from './chain.ts';
import type { SkeletonOptions } from './chain.ts';
import { notFromGuided, notToGuided } from './guidance.ts';
import { EXTERNAL_MAGIC, hex } from './marks.ts';

/**
 * `external_interfaces`: where these networks are. `external_ends`: addresses that are served at one, to its network; `external`: all
 * of them. `external_pairs`: the pair of a network with each that back ends are in. `external_ways`: by which one the node's own answers,
 * and errors about a flow, go out. `leaving_external`: as `leaving`.
 */
const SETS: readonly string[] = [
  'set external_interfaces { typeof iifname; }',
  'map external_pairs { typeof ct mark . meta mark : ct mark; }',
  'map external_ways { typeof ct mark . ct direction : meta mark; }',
  ...perFamily(({ n, ip }) => [
    `set external${n} { typeof ${ip} daddr; }`,
    `map external_ends${n} { typeof ${ip} daddr . iifname : meta mark; }`,
    `map leaving_external${n} { typeof ct mark . ${ip} saddr : ct mark; }`,
  ]),
];

/** Rules are there where such networks are. */
type Options = Pick<SkeletonOptions, 'hasExternals'>;

const where = ({ hasExternals }: Options, rules: readonly string[]): readonly string[] => when(hasExternals, rules);

export const externalSets = (options: Options): readonly string[] => where(options, SETS);

const isExternal = (mark: 'meta mark' | 'ct mark'): string => `${mark} & 0xffff0000 == ${hex(EXTERNAL_MAGIC)}`;
const [SPOOFED, UNPAIRED] = ['counter name spoofed drop', 'counter name unpaired drop'];

/** -450, before the tunnel is listened to. */
export const toExternal = (options: Options): readonly string[] =>
  where(options, ['iifname @external_interfaces goto from_external']);

/** -450, of what comes in elsewhere. */
export const notOfExternal = (options: Options): readonly string[] =>
  where(options, ['iif "lo" accept', ...perFamily(({ n, ip }) => [`${ip} daddr @external${n} ${UNPAIRED}`])]);

/** The chain of what comes in at such an interface. */
export function fromExternal(options: SkeletonOptions): readonly string[] {
  if (!options.hasExternals) return [];
  return [
    chain('from_external', undefined, [
      FORGET_MARK,
      // Neighbours find each other by these, and the kernel tracks none of them.
      'icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, nd-redirect } accept',
      ...perFamily(({ n, ip }) => [
        `meta mark set ${ip} saddr map @pods${n} ${SPOOFED}`,
        `meta mark set ${ip} saddr map @machines${n} ${SPOOFED}`,
        `${ip} saddr @inside${n} ${SPOOFED}`,
      ]),
      ...notFromGuided(options),
      ...notToGuided(options),
      ...perFamily(({ n, ip }) => [`meta mark set ${ip} daddr . iifname map @external_ends${n} accept`]),
      'fib daddr . iif type { local, broadcast, anycast, multicast } accept',
      UNPAIRED,
    ]),
  ];
}

/** -90: what is neither known nor new. */
export const trackExternal = (options: Options): readonly string[] =>
  where(options, [`${isExternal('meta mark')} goto track_external`]);

/** The chain that it goes to. */
export const externalTracking = (options: Options): readonly string[] =>
  where(options, [
    chain('track_external', undefined, [
      'ct state invalid counter name invalid drop',
      `ct direction original ${ARRIVING}`,
      UNPAIRED,
    ]),
  ]);

/** -90: other software has translated it, and nobody here was asked. */
export const sourceOfExternal = (options: Options): readonly string[] =>
  where(options, [`ct mark 0 ${isExternal('meta mark')} ct mark set meta mark`]);

/** -90: what no service and no floating address has translated. */
export const refuseExternal = (options: Options): readonly string[] =>
  where(options, [`${isExternal('meta mark')} goto refuse_unpaired`]);

/** -90: a translated flow, whose back end's network is known. */
export const judgeExternal = (options: Options): readonly string[] =>
  where(options, [`${isExternal('ct mark')} goto judge_external`]);

/** -90: one whose back end is a machine. */
export const judgeExternalToMachine = (options: Options): readonly string[] =>
  where(options, [`${isExternal('ct mark')} goto judge_external_to_machine`]);

/** The chains that they go to. */
export const externalJudgements = ({ fabricMark, ...options }: SkeletonOptions): readonly string[] =>
  where(options, [
    chain('judge_external', undefined, [
      'ct mark set ct mark . meta mark map @external_pairs accept',
      'goto refuse_unpaired',
    ]),
    chain('judge_external_to_machine', undefined, [
      `meta mark set ${fabricMark}`,
      'ct mark set ct mark . meta mark map @external_pairs meta mark set 0 accept',
      'goto refuse_unpaired',
    ]),
  ]);

/** -90: a new flow of a pod with an address there; the mark comes last, as in `leave`. */
export const leaveByExternal = (options: Options): readonly string[] =>
  where(
    options,
    perFamily(({ n, ip }) => [
      `ct mark set ct mark . ${ip} saddr map @leaving_external${n} meta mark set ct mark map @ways_out accept`,
    ]),
  );

/** 0: from pods elsewhere, whose network's router is here. */
export const routedOutByExternal = (options: Options): readonly string[] =>
  where(options, [`${isExternal('meta mark')} accept`]);

/** -150, output: the node's own answers, and its errors about what it forwards. */
export const outputToExternal = (options: Options): readonly string[] =>
  where(options, [
    chain('output_to_external', 'route hook output priority -150', [
      'meta mark set ct mark . ct direction map @external_ways accept',
    ]),
  ]);
