/** ADD, CHECK and DEL against real network namespaces. */
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { attach } from '../../../cni/agent/attach.ts';
import { check } from '../../../cni/agent/check.ts';
import { detach } from '../../../cni/agent/detach.ts';
import { CniFailure } from '../../../cni/agent/failure.ts';
import { openJournal } from '../../../cni/agent/journal.ts';
import { assigned, type Bed, makeBed, requestFor, sh } from '../bed.ts';

// Real namespaces and programs, on a machine that may be busy.
jest.setTimeout(60_000);

let bed: Bed;
const never = new AbortController().signal;

beforeEach(async () => {
  bed = await makeBed();
});
afterEach(async () => {
  await bed.close();
});

const add = async (containerId: string, netns: string, pod = 'web') =>
  await attach(requestFor('ADD', { containerId, netns, pod }), bed.deps, never);
/** DEL, and what it leaves to be finished behind its answer. */
const del = async (containerId: string) => {
  await detach(requestFor('DEL', { containerId }), bed.deps);
  await bed.deps.locks.idle();
};

describe('attach', () => {
  test('makes an interface that has the address, the gateway and the route of its port', async () => {
    bed.pods.set('dev/web', assigned(7));
    const sandbox = bed.newSandbox();
    const result = await add('c1', sandbox.path);
    const inside = (args: string) => sh(`ip netns exec ${sandbox.name} ip ${args}`);
    expect(inside('-o address show dev eth0')).toContain('inet 10.47.255.7/32 ');
    expect(inside('route')).toContain('default via 169.254.1.1 dev eth0 onlink');
    expect(inside('neigh')).toContain('169.254.1.1 dev eth0 lladdr 02:00:5e:00:01:01 PERMANENT');
    expect(inside('link show dev eth0')).toMatch(/<[^>]*\bUP\b[^>]*> mtu 1450 .*link\/ether 02:00:00:00:00:07/s);
    expect(inside('link show dev lo')).toMatch(/<[^>]*\bUP\b/);
    expect(sh(`ip netns exec ${bed.host.name} ip link show tap07aaaaaa000`)).toMatch(
      /\bUP\b.*link\/ether 02:00:5e:00:01:01/s,
    );
    expect(result).toMatchObject({
      cniVersion: '1.0.0',
      interfaces: [{ name: 'tap07aaaaaa000' }, { name: 'eth0', mac: '02:00:00:00:00:07', sandbox: sandbox.path }],
      ips: [{ address: '10.47.255.7/32', gateway: '169.254.1.1', interface: 1 }],
      routes: [{ dst: '0.0.0.0/0', gw: '169.254.1.1' }],
      dns: { nameservers: ['10.96.0.10'] },
    });
  });

  test('under Multus makes one interface for each ADD, by its name, and ends each by its DEL', async () => {
    const further = assigned(8, { name: 'net1', ips: ['192.168.7.9/24'] });
    bed.pods.set('dev/web', { ...assigned(7), ports: [...assigned(7).ports, ...further.ports] });
    const deps = { ...bed.deps, oneByOne: true };
    const sandbox = bed.newSandbox();
    const request = (command: 'ADD' | 'DEL', ifname: string) => ({
      ...requestFor(command, { containerId: 'c1', netns: sandbox.path, pod: 'web' }),
      ifname,
    });
    const links = () => sh(`ip netns exec ${sandbox.name} ip -o link`).match(/\b(eth0|net1)\b(?=@)/g);
    const first = await attach(request('ADD', 'eth0'), deps, never);
    expect(links()).toEqual(['eth0']);
    const second = await attach(request('ADD', 'net1'), deps, never);
    expect(links()).toEqual(['eth0', 'net1']);
    expect([first, second]).toMatchObject([
      { ips: [{ address: '10.47.255.7/32' }] },
      { interfaces: [{ name: 'tap08aaaaaa000' }, { name: 'net1' }], ips: [{ address: '192.168.7.9/32' }] },
    ]);
    expect(bed.vrouter.ports.size).toBe(2);
    for (const ifname of ['net1', 'eth0']) await detach(request('DEL', ifname), deps);
    await bed.deps.locks.idle();
    expect([bed.vrouter.ports.size, bed.devices().filter((name) => name.startsWith('tap'))]).toEqual([0, []]);
  });

  test('binds the port at the vRouter by the keys of facts 6.6', async () => {
    bed.pods.set('dev/web', assigned(7));
    const sandbox = bed.newSandbox();
    await add('c1', sandbox.path);
    expect([...bed.vrouter.ports.values()]).toEqual([
      {
        time: expect.any(String),
        'vm-id': 'c1',
        'vm-uuid': '00000000-0000-4000-8000-000000000007',
        'vm-name': 'k8s__dev__web',
        'host-ifname': 'tap07aaaaaa000',
        'vm-ifname': 'eth0',
        'vm-namespace': sandbox.path,
        'vn-uuid': '11111111-0000-5000-8000-000000000000',
        'vmi-uuid': '07aaaaaa-0000-5000-8000-000000000000',
      },
    ]);
  });

  test('gives a dual-stack port both gateways and a second interface its own subnet only', async () => {
    const first = assigned(7, { ips: ['10.47.255.7/12', 'fd00:10::7/64'] });
    const second = assigned(8, { name: 'net1', ips: ['192.168.7.9/24'], mtu: 1300 });
    bed.pods.set('dev/web', { uid: first.uid, ports: [...first.ports, ...second.ports] });
    const sandbox = bed.newSandbox();
    await add('c1', sandbox.path);
    const inside = (args: string) => sh(`ip netns exec ${sandbox.name} ip ${args}`);
    expect(inside('-6 -o address show dev eth0 scope global')).toContain('inet6 fd00:10::7/128 ');
    expect(inside('-6 route')).toContain('default via fe80::1 dev eth0');
    expect(inside('route')).toContain('192.168.7.0/24 via 169.254.1.1 dev net1 onlink');
    expect(inside('link show dev net1')).toContain('mtu 1300');
    await check(requestFor('CHECK', { containerId: 'c1', netns: sandbox.path, pod: 'web' }), bed.deps);
  });

  test('leaves nothing when the vRouter does not program the port', async () => {
    bed.pods.set('dev/web', assigned(7));
    bed.vrouter.programs = false;
    const request = requestFor('ADD', { containerId: 'c1', netns: bed.newSandbox().path, pod: 'web' });
    await expect(attach(request, { ...bed.deps, vrouterTimeoutMs: 300 }, never)).rejects.toMatchObject({ code: 102 });
    expect(bed.devices()).toEqual([]);
    expect(bed.vrouter.ports.size).toBe(0);
    expect(bed.deps.journal.list()).toEqual([]);
  });

  test('leaves nothing when the sandbox is not there', async () => {
    bed.pods.set('dev/web', assigned(7));
    await expect(add('c1', '/var/run/netns/ct-absent')).rejects.toMatchObject({ code: 103 });
    expect(bed.devices()).toEqual([]);
    expect(bed.vrouter.ports.size).toBe(0);
  });

  test('says what the wait for the port says', async () => {
    bed.pods.set('dev/web', new CniFailure('portNotAssigned', 'no worker'));
    await expect(add('c1', bed.newSandbox().path)).rejects.toMatchObject({ code: 101, message: 'no worker' });
  });

  test('a new sandbox of a pod takes the port over, and the DEL of the old one does not disturb it', async () => {
    bed.pods.set('dev/web', assigned(7));
    const [old, next] = [bed.newSandbox(), bed.newSandbox()];
    await add('c1', old.path);
    await add('c2', next.path);
    await del('c1');
    await check(requestFor('CHECK', { containerId: 'c2', netns: next.path, pod: 'web' }), bed.deps);
    expect(bed.vrouter.ports.size).toBe(1);
    expect(bed.devices()).toEqual(['tap07aaaaaa000']);
  });

  test('twenty pods at once each get their own', async () => {
    const sandboxes = Array.from({ length: 20 }, (_, index) => {
      bed.pods.set(`dev/pod-${index}`, assigned(index + 1));
      return bed.newSandbox();
    });
    await Promise.all(sandboxes.map(async (sandbox, index) => await add(`c${index}`, sandbox.path, `pod-${index}`)));
    expect(bed.devices()).toHaveLength(20);
    expect(bed.vrouter.ports.size).toBe(20);
    await Promise.all(sandboxes.map(async (_, index) => await del(`c${index}`)));
    expect(bed.devices()).toEqual([]);
    expect(bed.vrouter.ports.size).toBe(0);
  });
});

describe('check', () => {
  test.each([
    ['an address', 'address flush dev eth0', 'eth0 has not the address 10.47.255.7/32'],
    ['the default route', 'route del default', 'eth0 has no default route'],
    ['the interface', 'link del eth0', 'the host end tap07aaaaaa000 is gone'],
  ])('names %s that is gone', async (_what, damage, problem) => {
    bed.pods.set('dev/web', assigned(7));
    const sandbox = bed.newSandbox();
    await add('c1', sandbox.path);
    sh(`ip netns exec ${sandbox.name} ip ${damage}`);
    const checked = check(requestFor('CHECK', { containerId: 'c1', netns: sandbox.path, pod: 'web' }), bed.deps);
    await expect(checked).rejects.toThrow(problem);
  });

  test('does not know a container that was never attached', async () => {
    const checked = check(requestFor('CHECK', { containerId: 'c9', netns: '/proc/1/ns/net', pod: 'web' }), bed.deps);
    await expect(checked).rejects.toMatchObject({ code: 3 });
  });
});

describe('detach', () => {
  test('twice is once, and without an ADD it is nothing', async () => {
    bed.pods.set('dev/web', assigned(7));
    await add('c1', bed.newSandbox().path);
    await del('c1');
    const after = [bed.devices(), [...bed.vrouter.ports.keys()], bed.deps.journal.list()];
    await del('c1');
    await del('c-unknown');
    expect([bed.devices(), [...bed.vrouter.ports.keys()], bed.deps.journal.list()]).toEqual(after);
    expect(after).toEqual([[], [], []]);
  });

  test('answers only once the vRouter has cut the port off', async () => {
    bed.pods.set('dev/web', assigned(7));
    await add('c1', bed.newSandbox().path);
    await detach(requestFor('DEL', { containerId: 'c1' }), bed.deps);
    expect(bed.vrouter.ports.size).toBe(0);
    await bed.deps.locks.idle();
  });

  test('an ADD right behind it finds the way free', async () => {
    bed.pods.set('dev/web', assigned(7));
    const sandbox = bed.newSandbox();
    await add('c1', sandbox.path);
    await detach(requestFor('DEL', { containerId: 'c1' }), bed.deps);
    await add('c1', sandbox.path);
    await check(requestFor('CHECK', { containerId: 'c1', netns: sandbox.path, pod: 'web' }), bed.deps);
  });

  test('succeeds when the sandbox is gone already', async () => {
    bed.pods.set('dev/web', assigned(7));
    const sandbox = bed.newSandbox();
    await add('c1', sandbox.path);
    sh(`ip netns del ${sandbox.name}`);
    await del('c1');
    expect(bed.deps.journal.list()).toEqual([]);
  });

  test('remembers across a restart of the agent what it cannot finish while the vRouter is down', async () => {
    bed.pods.set('dev/web', assigned(7));
    await add('c1', bed.newSandbox().path);
    await bed.vrouter.close();
    await del('c1');
    expect(bed.devices()).toEqual([]);
    const reopened = await openJournal(`${bed.folder}/attachments`);
    expect(reopened.list()).toMatchObject([{ containerId: 'c1', state: 'releasing' }]);
  });
});
