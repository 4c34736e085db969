/** Who translates for a router's address, by what a node sees and what the address's Lease says. */
import { describe, expect, test } from '@jest/globals';
import { holderOf } from '../../../contrail/rendezvous.ts';
import { type Candidacy, judge, type Sight, type Verdict } from '../../../vrouter/leases/tenure.ts';

const ADDRESS = '192.0.2.220';
const NODES = ['n1', 'n2', 'n3', 'n4', 'n5'];
/** The nodes in the order in which they are chosen. */
const [FIRST, SECOND, THIRD] = ranked(NODES);

function ranked(nodes: readonly string[]): readonly [string, string, string, ...string[]] {
  const best = holderOf(ADDRESS, nodes);
  if (best === undefined) return [] as unknown as [string, string, string];
  return [best, ...ranked(nodes.filter((node) => node !== best))] as [string, string, string, ...string[]];
}

interface Case extends Partial<Omit<Candidacy, 'address'>> {
  readonly own: string;
  /** Nodes that are silent, and for how long. */
  readonly silent?: Readonly<Record<string, number>>;
  readonly unanswered?: number;
  readonly answered?: number;
  /** Since when the others are heard of. */
  readonly present?: number;
}

function verdict({
  own,
  silent = {},
  unanswered = 0,
  answered = 60_000,
  present = 60_000,
  ...candidacy
}: Case): Verdict {
  const silence = (node: string): number => silent[node] ?? 0;
  const sight: Sight = { own, nodes: NODES, silence, presence: () => present, unanswered, answered };
  const given = {
    able: NODES,
    holder: undefined,
    challenger: undefined,
    standing: 60_000,
    isRefuted: false,
    ...candidacy,
  };
  return judge({ address: ADDRESS, ...given }, sight);
}

/** All but these have been silent for so long. */
const allBut = (heard: readonly string[], ms: number): Readonly<Record<string, number>> =>
  Object.fromEntries(NODES.filter((node) => !heard.includes(node)).map((node) => [node, ms]));

describe('an address that nobody has', () => {
  test('is claimed by the node that all choose, which translates only then', () => {
    expect(verdict({ own: FIRST })).toEqual({ place: SECOND, step: { kind: 'give', to: FIRST } });
    expect(verdict({ own: SECOND })).toEqual({ place: FIRST });
    expect(verdict({ own: FIRST, holder: FIRST })).toEqual({ place: FIRST });
  });

  test('is claimed by a node that is alone', () => {
    expect(verdict({ own: FIRST, able: [FIRST] }).step).toEqual({ kind: 'give', to: FIRST });
  });
});

describe('a holder', () => {
  test('gives the address to the node that is chosen, where it sees that', () => {
    expect(verdict({ own: SECOND, holder: SECOND })).toEqual({ place: SECOND, step: { kind: 'give', to: FIRST } });
    expect(verdict({ own: SECOND, holder: SECOND, silent: { [FIRST]: 800 } })).toEqual({ place: SECOND });
    expect(verdict({ own: SECOND, holder: SECOND, present: 1500 })).toEqual({ place: SECOND });
    // It has only now taken the address, and tells so.
    expect(verdict({ own: SECOND, holder: SECOND, standing: 1500 })).toEqual({ place: SECOND });
    expect(verdict({ own: SECOND, holder: SECOND, able: [FIRST, THIRD] }).step).toEqual({ kind: 'give', to: FIRST });
  });

  test('answers a challenge', () => {
    expect(verdict({ own: FIRST, holder: FIRST, challenger: SECOND })).toEqual({
      place: FIRST,
      step: { kind: 'refute' },
    });
  });

  test('that hears nothing of the API server keeps the address among most of the nodes alone', () => {
    const ownPart = (heard: readonly string[]): Case => ({
      own: FIRST,
      holder: FIRST,
      silent: allBut(heard, 1300),
      unanswered: 450,
    });
    expect(verdict(ownPart([FIRST, SECOND, THIRD])).place).toBe(FIRST);
    expect(verdict(ownPart([FIRST, SECOND])).place).toBe(SECOND);
    expect(verdict({ ...ownPart([FIRST]), unanswered: 350 }).place).toBe(FIRST);
  });
});

describe('a silent holder', () => {
  const silent = { [FIRST]: 750 };

  test('is challenged by the node that is chosen without it, and no other', () => {
    expect(verdict({ own: SECOND, holder: FIRST, silent })).toEqual({ place: FIRST, step: { kind: 'challenge' } });
    expect(verdict({ own: THIRD, holder: FIRST, silent })).toEqual({ place: FIRST });
    expect(verdict({ own: SECOND, holder: FIRST, silent: { [FIRST]: 650 } })).toEqual({ place: FIRST });
  });

  test('is not challenged by a node that has only now reached the API server again', () => {
    expect(verdict({ own: SECOND, holder: FIRST, silent, answered: 300 })).toEqual({ place: FIRST });
  });

  test('loses the address where it does not answer in time', () => {
    const challenged = { own: SECOND, holder: FIRST, challenger: SECOND, silent: { [FIRST]: 1250 } };
    expect(verdict({ ...challenged, standing: 500 }).step).toBeUndefined();
    // Until then nobody translates there.
    expect(verdict({ ...challenged, standing: 650 })).toEqual({ place: FIRST, step: { kind: 'give', to: SECOND } });
  });

  test('keeps it where it answers', () => {
    expect(verdict({ own: SECOND, holder: FIRST, silent, isRefuted: true }).step).toBeUndefined();
  });

  test('is not challenged anew while another node’s challenge is fresh', () => {
    const challenged = { own: SECOND, holder: FIRST, challenger: THIRD, silent };
    expect(verdict({ ...challenged, standing: 300 }).step).toBeUndefined();
    expect(verdict({ ...challenged, standing: 1300 }).step).toEqual({ kind: 'challenge' });
  });

  test('is followed without a Lease where the API server answers nobody, among most of the nodes', () => {
    const own = SECOND;
    const away = { own, holder: FIRST, silent: { [FIRST]: 1300 }, unanswered: 1300 };
    expect(verdict(away).place).toBe(own);
    expect(verdict({ ...away, unanswered: 900 }).place).not.toBe(own);
    expect(verdict({ ...away, silent: allBut([SECOND, THIRD], 1300) }).place).not.toBe(own);
  });
});

describe('of two parts that do not see each other', () => {
  /** Who translates when all is settled: the API server is in `part`, and has given the address of a holder elsewhere to the successor there. */
  const translating = (part: readonly string[], holder: string): readonly string[] =>
    NODES.filter((own) => {
      const isInside = part.includes(own);
      const heard = NODES.filter((node) => part.includes(node) === isInside);
      const named = isInside && !part.includes(holder) ? holderOf(ADDRESS, part) : holder;
      return (
        verdict({ own, holder: named, silent: allBut(heard, 5000), unanswered: isInside ? 0 : 5000 }).place === own
      );
    });
  const parts = Array.from({ length: 2 ** NODES.length }, (_, bits) => NODES.filter((_node, at) => (bits >> at) & 1));

  test.each(NODES)('one has the address that %s had, where most of the nodes have the API server', (holder) => {
    for (const part of parts.filter(({ length }) => length * 2 > NODES.length))
      expect({ part, translating: translating(part, holder) }).toMatchObject({ translating: { length: 1 } });
  });

  test('both have it where most of the nodes have no API server', () => {
    const few = parts.filter(({ length }) => length > 0 && length * 2 < NODES.length);
    const counts = few.flatMap((part) => NODES.map((holder) => translating(part, holder).length));
    expect(new Set(counts)).toEqual(new Set([2]));
  });
});
