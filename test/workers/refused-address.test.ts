/** What a user is told where a pool does not give an address. */
import { expect, test } from '@jest/globals';
import { ContrailError } from '../../contrail/client.ts';
import { TerminalError } from '../../runtime/errors.ts';
import { noneLeft, refusedAddress } from '../../workers/refused-address.ts';

const ASKED = { wanted: '192.0.2.7', pool: 'public' };
const EXHAUSTED = new ContrailError(
  400,
  "Virtual-Network(['default-domain', 'k8s-default', 'k8s-public-floating-network']) has exhausted subnet([])",
);

test('an address that somebody has is the user’s to mend', () => {
  const refusal = refusedAddress(new ContrailError(409, 'IP address already in use'), ASKED);
  expect(refusal).toBeInstanceOf(TerminalError);
  expect(refusal?.message).toBe('192.0.2.7 of pool public cannot be had: IP address already in use');
});

test('a pool that has none left is told by its name, and tried again', () => {
  for (const told of [refusedAddress(EXHAUSTED, ASKED), noneLeft(EXHAUSTED, ['public'])]) {
    expect(told).not.toBeInstanceOf(TerminalError);
    expect(told?.message).toMatch(/^FloatingIPPool public has no address left: .*another pool$/);
  }
});

test('of several pools that have none left all are told', () => {
  expect(noneLeft(EXHAUSTED, ['a', 'b'])?.message).toMatch(
    /^FloatingIPPools a, b have no address left: .*another pool$/,
  );
});

test.each([
  ['what it stands on is on its way', new ContrailError(400, 'Unknown reference in floating-ip')],
  ['the server fails', new ContrailError(500, 'out of memory')],
  ['no server answers', new Error('connect ECONNREFUSED')],
])('nothing is put into other words where %s', (_title, error) => {
  expect(refusedAddress(error, ASKED)).toBeUndefined();
  expect(noneLeft(error, ['public'])).toBeUndefined();
});
