/** Numbers by a seed: the same seed gives the same run. */
export interface Dice {
  /** A whole number below `bound`. */
  readonly upTo: (bound: number) => number;
  readonly chance: (probability: number) => boolean;
  /** Of a list that is not empty. */
  readonly pick: <T>(items: readonly T[]) => T;
}

/** By mulberry32. */
export function diceFrom(seed: number): Dice {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const upTo = (bound: number): number => Math.floor(next() * bound);
  return {
    upTo,
    chance: (probability) => next() < probability,
    pick: <T>(items: readonly T[]) => items[upTo(items.length)] as T, // The index is of the list.
  };
}
