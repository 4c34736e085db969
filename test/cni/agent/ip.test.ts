/** `ip` by processes that stay and processes started ahead. */
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { createNetlink, type Netlink } from '../../../cni/agent/ip.ts';
import { makeNamespace, sh } from '../bed.ts';

// Real namespaces and programs, on a machine that may be busy.
jest.setTimeout(60_000);

let host: ReturnType<typeof makeNamespace>;
let pod: ReturnType<typeof makeNamespace>;
let netlink: Netlink;

beforeEach(() => {
  host = makeNamespace('host');
  pod = makeNamespace('pod');
  netlink = createNetlink(host.path);
});
afterEach(() => {
  netlink.close();
  host.remove();
  pod.remove();
});

test('a batch on the host that fails names what failed, and the next one works', async () => {
  await expect(netlink.onHost(['link set dev absent up'])).rejects.toThrow(/absent/);
  await netlink.onHost(['link add name va type veth peer name vb']);
  expect(sh(`ip -n ${host.name} -o link`)).toContain('va@vb');
});

test('batches side by side each get their own outcome', async () => {
  const outcomes = await Promise.allSettled(
    Array.from(
      { length: 20 },
      async (_, index) =>
        await netlink.onHost([
          index % 3 === 0 ? `link set dev absent${index} up` : `link add name v${index} type dummy0x`,
          'link show dev lo',
        ]),
    ),
  );
  for (const [index, outcome] of outcomes.entries()) {
    expect(outcome).toMatchObject({
      status: 'rejected',
      reason: { message: expect.stringContaining(index % 3 === 0 ? `absent${index}` : 'dummy0x') },
    });
  }
});

test('the process on the host is started anew when it has died', async () => {
  await netlink.onHost(['link set dev lo up']);
  const pid = sh(
    `ns=$(ip netns exec ${host.name} readlink /proc/self/ns/net); for p in /proc/[0-9]*; do [ "$(readlink $p/ns/net)" = "$ns" ] && grep -qa force $p/cmdline && echo \${p#/proc/}; done; true`,
  ).trim();
  expect(pid).toMatch(/^\d+$/);
  sh(`kill -9 ${pid}`);
  // The batch that meets the dead process may fail; what comes after it may not.
  await netlink.onHost(['link set dev lo up']).catch(() => undefined);
  await netlink.onHost(['link add name va type veth peer name vb']);
  expect(sh(`ip -n ${host.name} -o link`)).toContain('va@vb');
});

test('a batch in a pod stops at its first failure and names the line', async () => {
  const batch = netlink.inNamespace(pod.path, [
    'link set dev lo up',
    'link set dev absent up',
    'link add name va type veth peer name vb',
  ]);
  await expect(batch).rejects.toThrow('"ip link set dev absent up" failed');
  expect(sh(`ip -n ${pod.name} -o link`)).not.toContain('va');
});

test('many pods at once are served, also beyond the processes that wait', async () => {
  await Promise.all(
    Array.from(
      { length: 10 },
      async (_, index) => await netlink.inNamespace(pod.path, [`address add 10.0.0.${index + 1}/32 dev lo`]),
    ),
  );
  expect(sh(`ip -n ${pod.name} -o address show dev lo`).match(/inet 10\.0\.0\./g)).toHaveLength(10);
});

test('a namespace that is gone is named', async () => {
  await expect(netlink.inNamespace('/var/run/netns/ct-absent', ['link show'])).rejects.toThrow('ct-absent');
});
