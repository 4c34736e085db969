/** Places of servers: kept by those that stay, enough for all. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assignSlots, slotChanges, type Slots } from '../../proxy/haproxy/slots.ts';

const server = fc.record({
  address: fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3'),
  port: fc.integer({ min: 1, max: 9 }),
});
const servers = fc.uniqueArray(server, { selector: ({ address, port }) => `${address} ${port}`, maxLength: 20 });
const place = (list: readonly { address: string; port: number }[], before: Slots = new Map()): Slots =>
  assignSlots([{ name: 'b', servers: list }], before);

test('every server has one place, and who stays keeps it', () => {
  fc.assert(
    fc.property(servers, servers, (first, second) => {
      const before = place(first).get('b')!;
      const after = place(second, new Map([['b', before]])).get('b')!;
      expect(after.filter((each) => each !== undefined).toSorted(bySpelling)).toEqual(second.toSorted(bySpelling));
      expect(after.length).toBeGreaterThanOrEqual(second.length);
      for (const [index, held] of before.entries()) {
        if (second.some((each) => spelled(each) === spelled(held))) expect(after[index]).toEqual(held);
      }
    }),
  );
});

test('changes lead from one assignment to the other', () => {
  fc.assert(
    fc.property(servers, servers, (first, second) => {
      const before = place([...first, ...second.slice(0, 3)]);
      const after = place(second, before);
      const moved = [...before.get('b')!];
      for (const { index, server } of slotChanges(before, after)) moved[index] = server;
      expect(moved).toEqual(after.get('b'));
    }),
  );
});

function spelled(each: { address: string; port: number } | undefined): string {
  return `${each?.address} ${each?.port}`;
}

function bySpelling(a: { address: string; port: number } | undefined, b: typeof a): number {
  return spelled(a).localeCompare(spelled(b));
}
