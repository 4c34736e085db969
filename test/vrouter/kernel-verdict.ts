/** The look-ups of `linux/policy.ts`, by hand: what the kernel's sets say to a flow, without a kernel. */
import { valueOf } from '../../vrouter/linux/address-value.ts';
import { elements } from '../../vrouter/linux/elements.ts';
import { marksOf } from '../../vrouter/linux/marks.ts';
import type { Bindings, ForwardingState } from '../../vrouter/model.ts';
import type { InstanceId } from '../../vrouter/model/networks.ts';
import type { Direction } from '../../vrouter/model/policy.ts';

interface LookedUp {
  readonly direction: Direction;
  /** The judged port's host interface, and its address. */
  readonly host: string;
  readonly self: string;
  readonly peer: string;
  readonly pair: { readonly from: InstanceId; readonly to: InstanceId };
  readonly protocol: number;
  readonly port: number;
}

/** Whether a port's policy allows a flow, by what is loaded into the kernel. */
export function kernelVerdict(state: ForwardingState, bindings: Bindings): (flow: LookedUp) => boolean {
  const sets = createSets(state, bindings);
  const marks = marksOf(state.networks);
  return (flow) => {
    const { direction, host, self, peer, pair } = flow;
    const n = peer.includes(':') ? '6' : '4';
    if (!isJudged(sets, flow, n)) return true;
    const asked = [String(flow.protocol), String(flow.port)];
    const identity = sets.dataOf(`${direction}_identities${n}`, `${marks.pair(pair.from, pair.to)} . ${peer}`);
    if (identity !== undefined) {
      const allowed = ['ports', 'ranges'].some((kind) =>
        sets.holds(`${direction}_${kind}${n}`, [identity, self, ...asked]),
      );
      if (allowed || sets.holds(`${direction}_all${n}`, [identity, self])) return true;
      const isFinal = sets.dataOf(`${direction}_identified`, identity) !== undefined;
      if (isFinal && sets.dataOf(`${direction}_ordered`, `"${host}"`) !== undefined) return false;
    }
    const number = sets.dataOf(`${direction}_numbers`, `"${host}"`);
    return number !== undefined && sets.holds(`${direction}_blocks${n}`, [peer, number, ...asked]);
  };
}

type Sets = ReturnType<typeof createSets>;

function createSets(state: ForwardingState, bindings: Bindings) {
  const all = elements(state, bindings);
  const keys = new Map(
    [...all].map(([name, entries]) => [name, [...entries.keys()].map((key) => key.split(' . '))] as const),
  );
  return {
    dataOf: (name: string, key: string): string | undefined => all.get(name)?.get(key),
    holds: (name: string, fields: readonly string[]): boolean =>
      (keys.get(name) ?? []).some((key) => key.every((part, index) => covers(part, fields[index] ?? ''))),
    entriesOf: (name: string): readonly (readonly [string, string])[] => [...(all.get(name) ?? [])],
  };
}

function isJudged(sets: Sets, { direction, host, self }: LookedUp, n: string): boolean {
  if (direction === 'egress') return sets.dataOf('departures', `"${host}"`) !== undefined;
  return sets
    .entriesOf(`here${n}`)
    .some(([key, verdict]) => key.startsWith(`${self} . `) && verdict.includes('ingress'));
}

/** Whether an element's field, single or a range, holds a value. */
function covers(part: string, value: string): boolean {
  if (part === value) return true;
  if (part.startsWith('0x')) return false;
  const [first = '', last = first] = part.split('-');
  return numberOf(first) <= numberOf(value) && numberOf(value) <= numberOf(last);
}

function numberOf(text: string): bigint {
  return /[.:]/.test(text) ? valueOf(text) : BigInt(text);
}
