/** What programs read of a FloatingIP and a LogicalRouter. */
import { expect, test } from '@jest/globals';
import { slimFloatingIp } from '../../kubernetes/floating-ip.ts';
import { slimLogicalRouter } from '../../kubernetes/logical-router.ts';

const metadata = { namespace: 'dev', name: 'x', uid: 'u', resourceVersion: '1' };

test('an address has one text, however it was written', () => {
  const address = '2001:DB8:0::10';
  expect(slimFloatingIp({ metadata, spec: { pool: 'public', address } }).address).toBe('2001:db8::10');
  const spec = { pool: 'public', networks: [{ kind: 'Namespace' }], addresses: [address, '192.0.2.1'] };
  expect(slimLogicalRouter({ metadata, spec }).addresses).toEqual(['2001:db8::10', '192.0.2.1']);
});
