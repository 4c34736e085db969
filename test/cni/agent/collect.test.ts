/** GC and the sweep: nothing dead stays, nothing alive goes. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { attach } from '../../../cni/agent/attach.ts';
import { collect, sweep } from '../../../cni/agent/collect.ts';
import { detach } from '../../../cni/agent/detach.ts';
import { createVRouter } from '../../../cni/agent/vrouter.ts';
import { assigned, type Bed, makeBed, requestFor, sh, startVRouter } from '../bed.ts';

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

async function add(number: number): Promise<{ name: string; path: string }> {
  const sandbox = bed.newSandbox();
  bed.pods.set(`dev/pod-${number}`, assigned(number));
  await attach(
    requestFor('ADD', { containerId: `c${number}`, netns: sandbox.path, pod: `pod-${number}` }),
    bed.deps,
    never,
  );
  return sandbox;
}

const containers = () => bed.deps.journal.list().map(({ containerId }) => containerId);
const gc = async (...valid: string[]) => {
  await collect(
    requestFor('GC', {
      config: { 'cni.dev/valid-attachments': valid.map((containerID) => ({ containerID, ifname: 'eth0' })) },
    }),
    bed.deps,
  );
  await bed.deps.locks.idle();
};
const sweepAll = async (folder = join(bed.folder, 'releases'), deps = bed.deps) => {
  await sweep(folder, deps);
  await deps.locks.idle();
};

test('GC releases what the runtime does not name and whose pod is proven gone, and nothing else', async () => {
  await add(1);
  await add(2);
  await add(3);
  bed.gone.add(assigned(2).uid).add(assigned(3).uid);
  await gc('c3');
  expect(containers()).toEqual(['c1', 'c3']);
  expect(bed.devices()).toEqual(['tap01aaaaaa000', 'tap03aaaaaa000']);
});

test('GC without the list of what is valid touches nothing', async () => {
  await add(1);
  bed.gone.add(assigned(1).uid);
  await expect(collect(requestFor('GC', {}), bed.deps)).rejects.toMatchObject({ code: 7 });
  expect(containers()).toEqual(['c1']);
});

test('the sweep finishes what the plugin journalled while the agent was down', async () => {
  await add(1);
  await add(2);
  const folder = join(bed.folder, 'releases');
  mkdirSync(folder);
  writeFileSync(join(folder, 'c1-eth0.json'), JSON.stringify(requestFor('DEL', { containerId: 'c1' })));
  writeFileSync(join(folder, 'c9-eth0.json'), JSON.stringify(requestFor('DEL', { containerId: 'c9' })));
  await sweepAll(folder);
  expect(containers()).toEqual(['c2']);
  expect(bed.devices()).toEqual(['tap02aaaaaa000']);
  expect(readdirSync(folder)).toEqual([]);
});

test('the sweep releases a sandbox that vanished only once its pod is gone', async () => {
  const sandbox = await add(1);
  sh(`ip netns del ${sandbox.name}`);
  await sweepAll();
  expect(containers()).toEqual(['c1']);
  bed.gone.add(assigned(1).uid);
  await sweepAll();
  expect(containers()).toEqual([]);
  expect(bed.vrouter.ports.size).toBe(0);
});

test('the sweep finishes a release that found no vRouter', async () => {
  await add(1);
  const deps = { ...bed.deps, vrouter: createVRouter('http://127.0.0.1:1') };
  await detach(requestFor('DEL', { containerId: 'c1' }), deps);
  await deps.locks.idle();
  expect(bed.deps.journal.list()).toMatchObject([{ state: 'releasing' }]);
  const late = await startVRouter();
  try {
    await sweepAll(join(bed.folder, 'releases'), { ...bed.deps, vrouter: createVRouter(late.url) });
  } finally {
    await late.close();
  }
  expect(containers()).toEqual([]);
});
