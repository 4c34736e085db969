/** The MTU of pods follows the underlay's device, also where the node is given another address. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterEach, expect, test } from '@jest/globals';
import { createPodMtu } from '../../../cni/agent/mtu.ts';

const ip = (...words: string[]): void => void execFileSync('ip', words, { stdio: 'ignore' });
const ADDRESS = '127.77.0.1';

afterEach(() => {
  try {
    ip('addr', 'del', `${ADDRESS}/32`, 'dev', 'lo');
  } catch {
    // The test has taken it away.
  }
});

test('the device that had the address is asked when it has another one', () => {
  ip('addr', 'add', `${ADDRESS}/32`, 'dev', 'lo');
  const podMtu = createPodMtu(0, ADDRESS);
  const want = Number(readFileSync('/sys/class/net/lo/mtu', 'utf8')) - 50;
  expect(podMtu()).toBe(want);
  ip('addr', 'del', `${ADDRESS}/32`, 'dev', 'lo');
  expect(podMtu()).toBe(want);
});

test('an address that no device has had is named', () => {
  expect(createPodMtu(0, '192.0.2.99')).toThrow('no network device of this node has the address 192.0.2.99');
});

test('a configured one counts whatever the devices have', () => {
  expect(createPodMtu(1400, '192.0.2.99')()).toBe(1400);
});
