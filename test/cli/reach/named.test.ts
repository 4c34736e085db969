import { expect, test } from '@jest/globals';
import { named } from '../../../cli/reach/named.ts';

test('a word names an object by two parts, and not by fewer or more', () => {
  expect(named('shop/web-0')).toEqual({ namespace: 'shop', name: 'web-0' });
  for (const text of ['', 'web-0', 'shop/', '/web-0', 'shop/web-0/eth0']) expect(named(text)).toBeUndefined();
});
