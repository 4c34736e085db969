/** Addresses to listen at, as flags and variables write them. */
import { expect, test } from '@jest/globals';
import { listenAddress, METRICS_LISTEN } from '../../runtime/common-settings.ts';

test.each([
  ['127.0.0.1:9090', { host: '127.0.0.1', port: 9090 }],
  ['[::1]:9090', { host: '::1', port: 9090 }],
  [':9090', { host: '::', port: 9090 }],
])('%s', (text, address) => {
  expect(listenAddress.parse(text)).toEqual(address);
});

test.each(['9090', '127.0.0.1', '::1:9090', '127.0.0.1:', '127.0.0.1:65536'])(
  '%s is no address to listen at',
  (text) => {
    expect(() => listenAddress.parse(text)).toThrow('write host:port');
  },
);

test('metrics are served nowhere else unless an address is given', () => {
  expect(METRICS_LISTEN.schema.parse('')).toBeUndefined();
  expect(METRICS_LISTEN.schema.parse(':9191')).toEqual({ host: '::', port: 9191 });
  expect(() => METRICS_LISTEN.schema.parse('9191')).toThrow('write host:port');
});
