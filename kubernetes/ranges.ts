/** Ranges of addresses as users write them: `10.20.0.1-10.20.0.9, 10.20.0.20`. Pure. */
import { isIP, isIPv6 } from 'node:net';
import { addressText, addressValue } from '../runtime/addresses.ts';
import type { Parser } from './grammar.ts';
import type { AddressRange } from './virtual-network.ts';

/** One or several ranges, each of one family, its start not behind its end; a single address is a range of one. */
export const parseRanges: Parser<readonly AddressRange[]> = (text) => {
  const mend = 'write ranges, such as "10.20.0.1-10.20.0.9, 10.20.0.20"';
  const ranges = text.split(',').map((item) => {
    const [start = '', end = start] = item.split('-').map((part) => part.trim());
    return { start, end, parts: item.split('-').length };
  });
  const wrong = ranges.find(({ start, end, parts }) => parts > 2 || isIP(start) === 0 || isIP(start) !== isIP(end));
  if (wrong !== undefined) return { ok: false, problem: 'is not a list of ranges of addresses', mend };
  const turned = ranges.find(({ start, end }) => addressValue(start) > addressValue(end));
  if (turned !== undefined)
    return { ok: false, problem: `has a range whose end ${turned.end} is before its start`, mend };
  return { ok: true, value: ranges.map(({ start, end }) => ({ start, end })) };
};

/** How many addresses a range has. */
export function sizeOf({ start, end }: AddressRange): bigint {
  return addressValue(end) - addressValue(start) + 1n;
}

/** The address at a place in a range, counted from its start. */
export function addressAt({ start }: AddressRange, offset: bigint): string {
  return addressText(addressValue(start) + offset, isIPv6(start) ? 128 : 32);
}
