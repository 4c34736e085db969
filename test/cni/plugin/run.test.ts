/** The plugin from its environment to its exit code, against a real unix socket. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { serveCni } from '../../../cni/agent/server.ts';
import { runPlugin } from '../../../cni/plugin/run.ts';
import type { CniRequest, CniResponse } from '../../../cni/protocol.ts';

let folder: string;
let server: Server | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ct-'));
});
afterEach(() => {
  server?.close();
  server = undefined;
  rmSync(folder, { recursive: true, force: true });
});

const socket = () => join(folder, 'cni.sock');
const releases = () => join(folder, 'releases');

async function agentAnswers(response: CniResponse): Promise<CniRequest[]> {
  const requests: CniRequest[] = [];
  server = await serveCni(socket(), async (request) => {
    requests.push(request);
    return await Promise.resolve(response);
  });
  return requests;
}

async function invoke(
  command: string,
  extra: Record<string, string> = {},
): Promise<{ code: number; out: unknown; err: string }> {
  let out = '';
  let err = '';
  const code = await runPlugin({
    env: {
      CNI_COMMAND: command,
      CNI_CONTAINERID: 'c1',
      CNI_NETNS: '/var/run/netns/x',
      CNI_IFNAME: 'eth0',
      CNI_PATH: '/opt/cni/bin',
      CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=dev;K8S_POD_NAME=web;K8S_POD_UID=u1',
      ...extra,
    },
    readStdin: () =>
      JSON.stringify({ cniVersion: '1.1.0', name: 'opencontrail', socket: socket(), releaseDir: releases() }),
    stdout: (text) => {
      out += text;
    },
    stderr: (text) => {
      err += text;
    },
  });
  return { code, out: out === '' ? undefined : JSON.parse(out), err };
}

describe('with an agent', () => {
  test('ADD hands the invocation over and prints the result', async () => {
    const requests = await agentAnswers({ kind: 'result', result: { cniVersion: '1.1.0', ips: [] } });
    expect(await invoke('ADD')).toEqual({ code: 0, out: { cniVersion: '1.1.0', ips: [] }, err: '' });
    expect(requests).toMatchObject([
      {
        command: 'ADD',
        containerId: 'c1',
        netns: '/var/run/netns/x',
        ifname: 'eth0',
        args: { K8S_POD_NAMESPACE: 'dev', K8S_POD_NAME: 'web', K8S_POD_UID: 'u1' },
      },
    ]);
  });

  test('an error of the agent is the error object of the specification and exit code 1', async () => {
    await agentAnswers({ kind: 'error', error: { code: 101, msg: 'no port', details: 'why' } });
    expect(await invoke('ADD')).toEqual({
      code: 1,
      out: { cniVersion: '1.1.0', code: 101, msg: 'no port', details: 'why' },
      err: '',
    });
  });

  test('a DEL that the agent cannot do is journalled and succeeds', async () => {
    await agentAnswers({ kind: 'error', error: { code: 5, msg: 'broken' } });
    expect(await invoke('DEL')).toMatchObject({ code: 0, out: undefined });
    expect(readdirSync(releases())).toEqual(['c1-eth0.json']);
  });
});

describe('without an agent', () => {
  test('DEL succeeds, twice as once, and leaves one whole release', async () => {
    expect(await invoke('DEL')).toMatchObject({ code: 0, out: undefined });
    expect(await invoke('DEL', { CNI_NETNS: '' })).toMatchObject({ code: 0, out: undefined });
    expect(readdirSync(releases())).toEqual(['c1-eth0.json']);
    expect(JSON.parse(readFileSync(join(releases(), 'c1-eth0.json'), 'utf8'))).toMatchObject({
      containerId: 'c1',
      ifname: 'eth0',
    });
  });

  test('DEL succeeds even where the release cannot be written', async () => {
    writeFileSync(releases(), 'a file, not a folder');
    const { code, err } = await invoke('DEL');
    expect(code).toBe(0);
    expect(err).toContain('lost');
  });

  test.each([
    ['ADD', 11],
    ['CHECK', 11],
    ['STATUS', 50],
  ])('%s fails with code %i', async (command, code) => {
    expect(await invoke(command)).toMatchObject({ code: 1, out: { code, msg: 'the node agent does not answer' } });
    expect(existsSync(releases())).toBe(false);
  });

  test('STATUS is fine while the agent was there a moment ago: it restarts', async () => {
    writeFileSync(join(folder, 'serving'), '');
    expect(await invoke('STATUS')).toMatchObject({ code: 0, out: undefined });
    utimesSync(join(folder, 'serving'), new Date(Date.now() - 31_000), new Date(Date.now() - 31_000));
    expect(await invoke('STATUS')).toMatchObject({ code: 1, out: { code: 50 } });
  });

  test('GC succeeds and says that it did nothing', async () => {
    expect(await invoke('GC')).toMatchObject({
      code: 0,
      out: undefined,
      err: expect.stringContaining('nothing was collected'),
    });
  });
});
