/**
 * Which table a packet's mark leads it to, as rules of `ip`. Each part of the list ends in an answer, so that nothing falls through:
 *
 *        70   what has no mark of ours: to 91
 *     80-88   by the mark, to one of the lists below; the node's own answers, which carry one, to 91
 *     91-94   the node's own packets find pods, and everything else goes to 30000
 *      1001   flat networks, and machines
 *      1500   what the underlay routes
 *      2000   overlapping networks, each with a table of its own, behind 3000
 *      6000   networks whose router is on another node
 *      6100   networks outside at an interface
 *      7000   interfaces of services of chains
 *     30000   the kernel's own
 *
 * Pure.
 */
import type { ForwardingState } from '../model.ts';
import type { InstanceId } from '../model/networks.ts';
import { chainRules } from './chain-entries.ts';
import type { IpEntry } from './document.ts';
import { OUTSIDE_MARK } from './edges.ts';
import { externalRules } from './external-entries.ts';
import { forwardedRules, HOST_PREFERENCE } from './forwarded-entries.ts';
import { GUIDED, hex, MAGIC, type Marks, marksOf, ROUTED_MAGIC, UNMARKED } from './marks.ts';
import { wayNumbers } from './routed.ts';
import { LOCAL_PREFERENCE, ROUTE_PROTOCOL, TABLES } from './names.ts';

type Rule = readonly [preference: number, text: string];

/** The rules, the same in both families. */
export function rules(state: ForwardingState): readonly (readonly [key: string, entry: IpEntry])[] {
  const marks = marksOf(state.networks);
  return [
    [LOCAL_PREFERENCE, 'lookup local'] as const,
    ...overlappingRules(state, marks),
    ...flatRules(marks.of(state.fabric)),
    ...routedRules(state),
    ...externalRules(state.externals),
    ...chainRules(state),
    ...forwardedRules(state.fabric),
    ...firstRules(state),
  ].map(entryOf);
}

function entryOf([preference, text]: Rule): readonly [key: string, entry: IpEntry] {
  const selector = text.startsWith('iif') || text.startsWith('fwmark') ? text : `from all ${text}`;
  const entry = {
    add: `rule add pref ${preference} ${selector} protocol ${ROUTE_PROTOCOL}`,
    del: `rule del pref ${preference} ${selector}`,
  };
  return [`rule ${preference} ${text}`, entry];
}

function firstRules({ guidance }: ForwardingState): readonly Rule[] {
  return [
    // Before all others, since it is the underlay's, and the kernel looks its source up besides (`fib_validate_source`).
    [70, `fwmark ${UNMARKED} goto ${HOST_PREFERENCE}`],
    // The node's own answers carry the mark of what they answer (fwmark_reflect); only overlapping tables may route by it.
    [80, `fwmark ${hex(MAGIC)}/0xffff8000 iif lo goto ${HOST_PREFERENCE}`],
    [84, `fwmark ${OUTSIDE_MARK} goto ${LOCAL_PREFERENCE}`],
    [85, `fwmark ${hex(MAGIC)}/0xffff8000 goto ${FLAT.first}`],
    [86, `fwmark ${hex(MAGIC + 0x8000)}/0xffff8000 goto ${OVERLAPPING.first}`],
    ...(guidance?.kind === 'guide' ? [[85, `fwmark ${hex(GUIDED)} goto ${FLAT.pods}`] as const] : []),
    [HOST_PREFERENCE + 1, `iif lo lookup ${TABLES.flat}`],
    [94, `goto ${LOCAL_PREFERENCE}`],
  ];
}

/** Where packets of flat networks begin to look, and where they look for pods. */
const FLAT = { first: 1001, pods: 1003 } as const;

function flatRules(fabric: string): readonly Rule[] {
  return [
    [FLAT.first, `fwmark ${fabric} lookup ${TABLES.fabric}`],
    [FLAT.first + 1, `fwmark ${fabric} goto ${LOCAL_PREFERENCE}`],
    [FLAT.pods, `lookup ${TABLES.flat}`],
    [FLAT.pods + 1, `lookup ${TABLES.fabric}`],
    [FLAT.pods + 2, 'unreachable'],
  ];
}

/** Behind those of overlapping networks, of which the last is below 5,100. */
const ROUTED_PREFERENCE = 6000;

/** A rule for each way to an address of a network's router that is elsewhere. */
function routedRules({ egress }: ForwardingState): readonly Rule[] {
  const numberOf = wayNumbers(egress);
  const ways = [...new Set(egress.filter(({ via }) => via !== undefined).map(numberOf))];
  if (ways.length === 0) return [];
  return [
    ...ways.map(
      (number) => [ROUTED_PREFERENCE, `fwmark ${hex(ROUTED_MAGIC + number)} lookup ${TABLES.routed + number}`] as const,
    ),
    [ROUTED_PREFERENCE + 1, 'unreachable'],
    [85, `fwmark ${hex(ROUTED_MAGIC)}/0xffff0000 goto ${ROUTED_PREFERENCE}`],
  ];
}

/** The tree's root, its end, and its branches. */
const OVERLAPPING = { first: 2000, last: 2999, branches: 3000 } as const;

/** A tree of two levels, thirty-two networks to a branch, so that a packet's cost does not grow with their number. */
function overlappingRules({ networks }: ForwardingState, { of: markOf }: Marks): readonly Rule[] {
  const ids = networks.filter(({ overlapping }) => overlapping).map(({ id }) => id);
  const branches = [...new Set(ids.map(branchOf))];
  const base = MAGIC + 0x8000;
  const placeOf = (branch: number): number => OVERLAPPING.branches + branch * 2;
  return [
    ...branches.flatMap((branch) => [
      [placeOf(branch) + 1, 'unreachable'] as const,
      ...ids
        .filter((id) => branchOf(id) === branch)
        .map((id) => [placeOf(branch), `fwmark ${markOf(id)} lookup ${TABLES.overlapping + id}`] as const),
    ]),
    [OVERLAPPING.first, `fwmark ${hex(base)}/0xffff8000 nop`] as const,
    ...branches.map(
      (branch) =>
        [OVERLAPPING.first + 1, `fwmark ${hex(base + (branch << 5))}/0xffffffe0 goto ${placeOf(branch)}`] as const,
    ),
    [OVERLAPPING.last, 'unreachable'] as const,
  ];
}

function branchOf(id: InstanceId): number {
  return id >> 5;
}
