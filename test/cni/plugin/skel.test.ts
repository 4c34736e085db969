/** What the plugin makes of its environment and stdin. */
import { describe, expect, test } from '@jest/globals';
import { invocationOf } from '../../../cni/plugin/skel.ts';

const env = {
  CNI_COMMAND: 'ADD',
  CNI_CONTAINERID: 'c1',
  CNI_NETNS: '/var/run/netns/x',
  CNI_IFNAME: 'eth0',
  CNI_PATH: '/opt/cni/bin',
};
const stdin = (cniVersion: unknown) => JSON.stringify({ cniVersion, name: 'n', type: 'opencontrail-cni' });

describe('invocationOf', () => {
  test.each([
    { name: 'a command nobody knows', change: { CNI_COMMAND: 'FLY' }, code: 4, msg: 'FLY' },
    { name: 'ADD without a namespace', change: { CNI_NETNS: '' }, code: 4, msg: 'CNI_NETNS' },
    {
      name: 'DEL without a container',
      change: { CNI_COMMAND: 'DEL', CNI_CONTAINERID: undefined },
      code: 4,
      msg: 'CNI_CONTAINERID',
    },
    { name: 'a container with a slash', change: { CNI_CONTAINERID: '../etc' }, code: 4, msg: '../etc' },
    {
      name: 'an interface of sixteen letters',
      change: { CNI_IFNAME: 'abcdefghijklmnop' },
      code: 4,
      msg: 'abcdefghijklmnop',
    },
    { name: 'an interface called ..', change: { CNI_IFNAME: '..' }, code: 4, msg: '..' },
  ])('refuses $name', ({ change, code, msg }) => {
    const invocation = invocationOf({ ...env, ...change }, stdin('1.0.0'));
    expect(invocation).toMatchObject({ kind: 'error', error: { code, msg: expect.stringContaining(msg) } });
  });

  test.each([
    { name: 'a version that is not served', command: 'ADD', version: '0.2.0', code: 1 },
    { name: 'no version', command: 'ADD', version: undefined, code: 1 },
    { name: 'CHECK before it was known', command: 'CHECK', version: '0.3.1', code: 1 },
    { name: 'GC before it was known', command: 'GC', version: '1.0.0', code: 1 },
    { name: 'STATUS before it was known', command: 'STATUS', version: '1.0.0', code: 1 },
  ])('refuses $name', ({ command, version, code }) => {
    const invocation = invocationOf({ ...env, CNI_COMMAND: command }, stdin(version));
    expect(invocation).toMatchObject({ kind: 'error', error: { code } });
  });

  test.each([
    { name: 'no JSON', text: '{', code: 6 },
    { name: 'no object', text: '[]', code: 7 },
  ])('refuses a configuration that is $name', ({ text, code }) => {
    expect(invocationOf(env, text)).toMatchObject({ kind: 'error', error: { code } });
  });

  test('takes DEL without a namespace, which is how a runtime cleans up after a reboot', () => {
    const invocation = invocationOf({ ...env, CNI_COMMAND: 'DEL', CNI_NETNS: '' }, stdin('0.3.1'));
    expect(invocation).toMatchObject({ kind: 'request', request: { command: 'DEL', containerId: 'c1' } });
  });

  test('answers VERSION without any other variable, in the version it was asked in', () => {
    expect(invocationOf({ CNI_COMMAND: 'VERSION' }, '{"cniVersion":"0.4.0"}')).toEqual({
      kind: 'version',
      cniVersion: '0.4.0',
    });
    expect(invocationOf({ CNI_COMMAND: 'VERSION' }, '')).toEqual({ kind: 'version', cniVersion: '1.1.0' });
  });

  test('by hand it is nobody’s plugin', () => {
    expect(invocationOf({}, '')).toEqual({ kind: 'about' });
  });
});
