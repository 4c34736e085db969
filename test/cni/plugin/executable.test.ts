/** The compiled plugin, as a runtime starts it: Bun's side of what the other tests see on Node's. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import { serveCni } from '../../../cni/agent/server.ts';
import type { CniRequest } from '../../../cni/protocol.ts';
import { sh } from '../bed.ts';

// Real namespaces and programs, on a machine that may be busy.
jest.setTimeout(60_000);

const ROOT = join(import.meta.dirname, '..', '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'ct-'));
const plugin = join(folder, 'opencontrail-cni');
const socket = join(folder, 'cni.sock');
let server: Server | undefined;

beforeAll(() => {
  sh(
    `cd ${ROOT} && node_modules/.bin/bun build --compile --minify --bytecode --format=cjs cni/plugin/main.ts --outfile ${plugin}`,
  );
});
afterEach(() => {
  server?.close();
  server = undefined;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function invoke(
  env: Record<string, string>,
  config: object,
): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(plugin, { env, stdio: ['pipe', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  child.stdin.end(JSON.stringify(config));
  const code = await new Promise<number | null>((resolve) => {
    child.on('close', resolve);
  });
  return { code, out, err };
}

const config = { cniVersion: '1.1.0', name: 'opencontrail', socket, releaseDir: join(folder, 'releases') };
const env = { CNI_CONTAINERID: 'c1', CNI_NETNS: '/x', CNI_IFNAME: 'eth0', CNI_PATH: '/x' };

test('prints the agent’s result', async () => {
  server = await serveCni(
    socket,
    async () => await Promise.resolve({ kind: 'result', result: { cniVersion: '1.1.0', dns: {} } }),
  );
  const { code, out } = await invoke({ ...env, CNI_COMMAND: 'ADD' }, config);
  expect({ code, out: JSON.parse(out) }).toEqual({ code: 0, out: { cniVersion: '1.1.0', dns: {} } });
});

test('sends a request that is larger than a socket’s buffer', async () => {
  const requests: CniRequest[] = [];
  server = await serveCni(socket, async (request) => {
    requests.push(request);
    return await Promise.resolve({ kind: 'done' });
  });
  const valid = Array.from({ length: 8000 }, (_, index) => ({
    containerID: `container-${index}`.padEnd(64, 'x'),
    ifname: 'eth0',
  }));
  const { code } = await invoke(
    { CNI_COMMAND: 'GC', CNI_PATH: '/x' },
    { ...config, 'cni.dev/valid-attachments': valid },
  );
  expect(code).toBe(0);
  expect(requests[0]?.config['cni.dev/valid-attachments']).toHaveLength(8000);
});

test('without an agent ADD says when to come back, and DEL journals the release', async () => {
  const added = await invoke({ ...env, CNI_COMMAND: 'ADD' }, config);
  expect(added.code).toBe(1);
  expect(JSON.parse(added.out)).toMatchObject({ code: 11, details: expect.stringContaining('DaemonSet') });
  expect(await invoke({ ...env, CNI_COMMAND: 'DEL' }, config)).toMatchObject({ code: 0, out: '' });
  expect(readdirSync(join(folder, 'releases'))).toEqual(['c1-eth0.json']);
});

test('by hand it says what it is', async () => {
  expect(await invoke({}, {})).toMatchObject({
    code: 0,
    out: '',
    err: expect.stringContaining('CNI plugin of OpenContrail'),
  });
});
