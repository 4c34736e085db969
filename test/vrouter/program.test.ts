/** The program as a whole: a real config API on a real Redis, two nodes, the port API, kill -9 and uninstallation. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { tapName } from '../../contrail/names.ts';
import { vmiOf, worldObjects } from './config.ts';
import type { TestWorld } from './config.ts';
import type { Lab } from './lab/nodes.ts';
import { binding, createProgramLab, type ProgramLab, vmOf } from './lab/programs.ts';

jest.setTimeout(60_000);
const WORLD: TestWorld = {
  nodes: { n1: '192.0.2.1', n2: '192.0.2.2' },
  networks: {
    c: { id: 5, subnet: '10.32.0.0/12', policies: ['fabric'] },
    'ip-fabric': { id: 1, policies: ['fabric'] },
  },
  policies: { fabric: [['self', 'ip-fabric']] },
  pods: {
    c1: { network: 'c', address: '10.32.0.1', node: 'n1' },
    c2: { network: 'c', address: '10.32.0.2', node: 'n2' },
    ...Object.fromEntries(
      Array.from({ length: 20 }, (_, i) => [`m${i}`, { network: 'c', address: `10.32.1.${i}`, node: 'n1' }]),
    ),
  },
};

let rig: ProgramLab;
let lab: Lab;
let call: ProgramLab['call'];
let untilAnswers: ProgramLab['untilAnswers'];

beforeAll(async () => {
  rig = await createProgramLab('vp', WORLD);
  ({ lab, call, untilAnswers } = rig);
  for (const pod of ['c1', 'c2', 'm0', 'm1', 'm2']) await lab.addPod(pod, WORLD);
  lab.serve('c2', 8080);
});

afterAll(async () => rig.down());

test('a port is configured before it is bound, and programmed after', async () => {
  const configured = await call('n1', 'GET', '/vm-cfg/k8s__test__c1');
  expect(JSON.parse(configured.text)).toMatchObject([{ id: vmiOf('c1'), 'vn-name': 'default-domain:k8s-test:c' }]);
  await expect(call('n1', 'GET', `/vm/${vmOf('c1')}/${vmiOf('c1')}`)).resolves.toMatchObject({
    status: 404,
    text: '{"error":"{ Not Found }"}',
  });
  await call('n2', 'POST', '/vm', binding('c2'));
  await expect(call('n1', 'POST', '/vm', binding('c1'))).resolves.toMatchObject({ status: 200, text: '{}' });
  const programmed = await call('n1', 'GET', `/vm/${vmOf('c1')}/${vmiOf('c1')}?wait=5000`);
  expect(JSON.parse(programmed.text)).toMatchObject([
    { id: vmiOf('c1'), 'ip-address': '10.32.0.1', plen: 12, gateway: '169.254.1.1' },
  ]);
  await untilAnswers('n2', `/vm/${vmOf('c2')}/${vmiOf('c2')}`);
  await expect(lab.reach('c1', '10.32.0.2')).resolves.toBe('c2 10.32.0.1');
});

test('a revision of the configuration is told when it stands, by ports too, and on all nodes', async () => {
  const revisionOf = async (node: string): Promise<{ readonly revision: number; readonly epoch: string }> =>
    JSON.parse((await call(node, 'GET', '/introspect/revision')).text);
  const before = await revisionOf('n1');
  // Nobody's interface: no node is concerned, and each says within the stream's five seconds that it has come past it.
  const known = new Set(worldObjects(WORLD).keys());
  const nobodys = worldObjects({ ...WORLD, pods: { nobody: { network: 'c', address: '10.32.2.1', node: 'n3' } } });
  await rig.create([...nobodys.values()].filter(({ uuid }) => !known.has(uuid)));
  for (const node of ['n1', 'n2']) {
    for (let tries = 0; (await revisionOf(node)).revision <= before.revision; tries += 1) {
      if (tries > 60) throw new Error(`${node} never came to the revision`);
      await sleep(100);
    }
  }
  const { text } = await call('n1', 'GET', `/vm/${vmOf('c1')}/${vmiOf('c1')}`);
  const [port] = JSON.parse(text) as { readonly 'observed-policy-revision': number }[];
  expect(port?.['observed-policy-revision']).toBeGreaterThan(before.revision);
  expect((await revisionOf('n2')).epoch).toBe(before.epoch);
});

test('a port is captured as pcap, as much as is asked for and no more', async () => {
  const taking = lab.sh(
    'n1',
    `busybox wget -qO- 'http://127.0.0.1:9091/capture/${vmiOf('c1')}?filter=icmp+and+greater+300&count=4' | tcpdump -nr - 2>/dev/null`,
  );
  await lab.sh('c1', 'busybox ping -q -i 0.1 -s 400 -c 20 10.32.0.2');
  const { stdout } = await taking;
  const direction = stdout.match(/10\.32\.0\.\d > 10\.32\.0\.\d: ICMP echo \w+/g);
  expect(direction).toEqual([
    '10.32.0.1 > 10.32.0.2: ICMP echo request',
    '10.32.0.2 > 10.32.0.1: ICMP echo reply',
    '10.32.0.1 > 10.32.0.2: ICMP echo request',
    '10.32.0.2 > 10.32.0.1: ICMP echo reply',
  ]);
});

test('a capture ends with the time it is given, and with whoever takes it', async () => {
  const path = `http://127.0.0.1:9091/capture/${vmiOf('c1')}`;
  const { stdout } = await lab.sh('n1', `busybox wget -qO- '${path}?seconds=0.2&filter=tcp+port+1' | wc -c`);
  expect(stdout.trim()).toBe('24');
  await lab.sh('n1', `timeout 1 busybox wget -qO/dev/null '${path}'`);
  for (
    let tries = 0;
    (await lab.sh('n1', `pgrep -f '[t]cpdump -i ${tapName(vmiOf('c1'))}'`)).stdout !== '';
    tries += 1
  ) {
    if (tries > 50) throw new Error('tcpdump runs on');
    await sleep(100);
  }
});

test.each([
  [`${vmiOf('c1')}?filter=tcp+prot+80`, 400, 'syntax error'],
  [`${vmiOf('c1')}?filter=-z+reboot`, 400, 'syntax error'],
  [`${vmiOf('c1')}?count=none`, 400, 'count'],
  [`${vmiOf('c1')}?limit=3`, 400, 'limit'],
  [vmiOf('m9'), 404, 'Not Found'],
])('refuses to capture %s with %s', async (asked, status, reason) => {
  const answer = await call('n1', 'GET', `/capture/${asked}`);
  expect(answer).toMatchObject({ status, text: expect.stringContaining(reason) });
});

test.each([
  ['{}', 'vm-uuid'],
  [binding('c1').replace('tap', 'eth'), 'tap…'],
  [binding('c1').replace('k8s__test__c1', '../../etc'), 'virtual machine'],
])('refuses %s', async (body, reason) => {
  const answer = await call('n1', 'POST', '/vm', body);
  expect(answer.status).toBe(500);
  expect(answer.text).toContain(reason);
});

test('an unknown path is told so', async () => {
  await expect(call('n1', 'GET', '/nothing')).resolves.toMatchObject({
    status: 404,
    text: '{"error":"Unknown Request"}',
  });
});

test('kill -9 and a new start interrupt no flow and forget no port', async () => {
  const pinging = lab.sh('c1', 'busybox ping -q -i 0.005 -c 400 10.32.0.2');
  await rig.killVrouter('n1');
  rig.startVrouter('n1');
  await untilAnswers('n1', `/vm/${vmOf('c1')}/${vmiOf('c1')}`);
  expect((await pinging).stdout).toContain(' 0% packet loss');
});

test('what somebody else flushes is put back', async () => {
  await lab.sh(
    'n1',
    'ip rule flush; ip rule add pref 0 lookup local; ip rule add pref 32766 lookup main; ip rule add pref 32767 lookup default; ip route flush table 29001; nft delete table inet opencontrail',
  );
  for (let tries = 0; tries < 50; tries += 1) {
    if ((await lab.reach('c1', '10.32.0.2')) === 'c2 10.32.0.1') return;
  }
  throw new Error('not mended');
});

test('an interface made anew under its old name is programmed anew', async () => {
  await lab.addPod('c1', WORLD);
  await call('n1', 'POST', '/vm', binding('c1'));
  await untilAnswers('n1', `/vm/${vmOf('c1')}/${vmiOf('c1')}`);
  await expect(lab.reach('c1', '10.32.0.2')).resolves.toBe('c2 10.32.0.1');
});

test('a late deletion of an older sandbox takes nothing away; the right one does', async () => {
  await call('n1', 'DELETE', `/vm/${vmOf('c1')}`, '{"vm-id":"older"}').catch(() => undefined);
  await expect(call('n1', 'GET', `/vm/${vmOf('c1')}`)).resolves.toMatchObject({ status: 200 });
  await expect(call('n1', 'DELETE', `/vm/${vmOf('c1')}`)).resolves.toMatchObject({ status: 200, text: '{}' });
  await untilAnswers('n1', `/vm/${vmOf('c1')}`, 404);
  await expect(lab.reach('c1', '10.32.0.2')).resolves.toBeUndefined();
});

test('a burst of ports is programmed together', async () => {
  await Promise.all(['m0', 'm1', 'm2'].map(async (pod) => call('n1', 'POST', '/vm', binding(pod))));
  await Promise.all(['m0', 'm1', 'm2'].map(async (pod) => untilAnswers('n1', `/vm/${vmOf(pod)}/${vmiOf(pod)}`)));
});

test('removal leaves nothing in the kernel', async () => {
  await rig.killVrouter('n1');
  await once(rig.program('n1', 'vrouter/main.ts', ['--node', 'n1', '--remove', 'yes']), 'exit');
  const left = await lab.sh(
    'n1',
    'ip rule; ip -6 rule; ip route show table all proto 79; nft list tables; ip link show ocvx0 2>&1',
  );
  expect(
    left.stdout
      .replaceAll('\t', ' ')
      .split('\n')
      .filter((line) => line !== ''),
  ).toEqual([
    '0: from all lookup local',
    '32766: from all lookup main',
    '32767: from all lookup default',
    '0: from all lookup local',
    '32766: from all lookup main',
    'Device "ocvx0" does not exist.',
  ]);
});
