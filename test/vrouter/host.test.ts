/** The node's own settings, in a network namespace: what is changed is told, so that an uninstallation can put it back. */
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { prepareHost, prepareInterfaces } from '../../vrouter/apply/host.ts';
import { output, runHere } from '../../vrouter/apply/run.ts';
import { eventually } from '../kubernetes/eventually.ts';
import { labId } from '../lab/names.ts';
import { inNamespace, sessionsIn } from './lab/nodes.ts';

// Real programs, on a machine that may be busy.
jest.setTimeout(60_000);

const NAMESPACE = `vt-host-${labId}`;
const POD = `${NAMESPACE}-pod`;
const OPTIONS = { device: 'ocvx0', vxlanPort: 4789, address: '192.0.2.1' };
const run = inNamespace(NAMESPACE);
const sessions = sessionsIn(NAMESPACE);
const inPod = inNamespace(POD);
/** A router advertisement (RFC 4861 4.2) of a default route, by a raw socket: its sender fills in the checksum. */
const ADVERTISEMENT = Buffer.from('8600000040000708' + '00000000'.repeat(2), 'hex');
const HOP_LIMIT = 'setsockopt-int=41:18:255';
const read = async (path: string): Promise<string> => (await output(run, ['cat', `/proc/sys/${path}`])).trim();

beforeEach(async () => {
  for (const each of [NAMESPACE, POD]) {
    await runHere(['ip', 'netns', 'del', each]);
    await output(runHere, ['ip', 'netns', 'add', each]);
  }
  await output(run, ['ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth1']);
  const settings =
    'echo 1 > net/ipv6/conf/eth0/accept_ra; echo 0 > net/ipv6/conf/eth1/accept_ra; echo 0 > net/ipv4/ip_forward';
  await output(run, ['sh', '-ec', `cd /proc/sys; ${settings}`]);
});
afterEach(async () => {
  sessions.close();
  for (const each of [NAMESPACE, POD]) await output(runHere, ['ip', 'netns', 'del', each]);
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

test('a pod is not the router of its node, which listens to others and has no table yet', async () => {
  await prepareHost({ run, sessions }, OPTIONS);
  for (const name of ['tap0', 'uplink']) {
    await output(run, ['ip', 'link', 'add', name, 'up', 'type', 'veth', 'peer', 'name', name, 'netns', POD]);
    await output(inPod, ['sh', '-ec', `echo 0 > /proc/sys/net/ipv6/conf/${name}/accept_dad; ip link set ${name} up`]);
  }
  await prepareInterfaces(sessions, ['tap0']);
  const defaultRoutes = await eventually(async () => {
    for (const name of ['tap0', 'uplink'])
      await inPod(['socat', '-u', '-', `IP6-SENDTO:[ff02::1%${name}]:58,${HOP_LIMIT}`], ADVERTISEMENT);
    const { stdout } = await run(['ip', '-6', 'route', 'show', 'default']);
    return stdout.includes('dev uplink') && stdout;
  });
  expect(defaultRoutes).not.toContain('dev tap0');
});
