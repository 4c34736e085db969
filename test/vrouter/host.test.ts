/** The node's own settings, in a network namespace: what is changed is told, so that an uninstallation can put it back. */
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { prepareHost } from '../../vrouter/apply/host.ts';
import { output, runHere } from '../../vrouter/apply/run.ts';
import { labId } from '../lab/names.ts';
import { inNamespace, sessionsIn } from './lab/nodes.ts';

// Real programs, on a machine that may be busy.
jest.setTimeout(60_000);

const NAMESPACE = `vt-host-${labId}`;
const OPTIONS = { device: 'ocvx0', vxlanPort: 4789, address: '192.0.2.1' };
const run = inNamespace(NAMESPACE);
const sessions = sessionsIn(NAMESPACE);
const read = async (path: string): Promise<string> => (await output(run, ['cat', `/proc/sys/${path}`])).trim();

beforeEach(async () => {
  await runHere(['ip', 'netns', 'del', NAMESPACE]);
  await output(runHere, ['ip', 'netns', 'add', NAMESPACE]);
  await output(run, ['ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth1']);
  const settings =
    'echo 1 > net/ipv6/conf/eth0/accept_ra; echo 0 > net/ipv6/conf/eth1/accept_ra; echo 0 > net/ipv4/ip_forward';
  await output(run, ['sh', '-ec', `cd /proc/sys; ${settings}`]);
});
afterEach(async () => {
  sessions.close();
  await output(runHere, ['ip', 'netns', 'del', NAMESPACE]);
});

test('a node goes on listening to its IPv6 router although it forwards, and its former setting is told', async () => {
  const before = await prepareHost({ run, sessions }, OPTIONS);
  expect(await read('net/ipv6/conf/eth0/accept_ra')).toBe('2');
  expect(await read('net/ipv6/conf/all/forwarding')).toBe('1');
  expect(before).toMatchObject({ 'net/ipv6/conf/eth0/accept_ra': '1', 'net/ipv4/ip_forward': '0' });
});

test('an interface that listens to no router is left so, and what stands already is not told again', async () => {
  expect(await prepareHost({ run, sessions }, OPTIONS)).not.toHaveProperty('net/ipv6/conf/eth1/accept_ra');
  expect(await read('net/ipv6/conf/eth1/accept_ra')).toBe('0');
  expect(await prepareHost({ run, sessions }, OPTIONS)).toEqual({});
});
