/** The reference plugins of a node, and what they leave of the specification's versions. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { chainOn } from '../../../cni/agent/chain.ts';
import { conflistText } from '../../../cni/agent/conflist.ts';
import { CNI_VERSIONS, DEFAULT_RELEASE_DIR, DEFAULT_SOCKET } from '../../../cni/protocol.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ct-chain-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function plugin(name: string, answer: string): void {
  const script = `#!/bin/sh\n[ "$CNI_COMMAND" = VERSION ] && echo '${answer}'\n`;
  writeFileSync(join(folder, name), script, { mode: 0o755 });
}

const speaking = (...versions: readonly string[]) =>
  JSON.stringify({ cniVersion: '1.0.0', supportedVersions: versions });

test('goes without the plugins that the node has not, and says which', async () => {
  plugin('portmap', speaking('0.4.0', '1.0.0', '1.1.0'));
  expect(await chainOn(folder, ['portmap', 'bandwidth'])).toEqual({
    plugins: ['portmap'],
    missing: ['bandwidth'],
    versions: ['0.4.0', '1.0.0', '1.1.0'],
  });
});

test('speaks what all of them speak', async () => {
  plugin('portmap', speaking('0.4.0', '1.0.0'));
  plugin('tuning', speaking('1.0.0', '1.1.0'));
  expect((await chainOn(folder, ['portmap', 'tuning'])).versions).toEqual(['1.0.0']);
});

test('takes a plugin that cannot be asked for an old one', async () => {
  plugin('portmap', 'no JSON');
  expect((await chainOn(folder, ['portmap'])).versions).toEqual(['0.3.1', '0.4.0', '1.0.0']);
});

test('without any, everything is spoken', async () => {
  expect(await chainOn('', ['portmap'])).toEqual({ plugins: [], missing: ['portmap'], versions: CNI_VERSIONS });
});

test('the configuration names them after ours, with their capabilities; tuning only with something to tune', () => {
  const paths = { socket: DEFAULT_SOCKET, releaseDir: DEFAULT_RELEASE_DIR };
  const chain = { plugins: ['portmap', 'bandwidth', 'tuning'], versions: ['0.4.0', '1.0.0'] };
  const read = (sysctls: Readonly<Record<string, string>>): unknown =>
    JSON.parse(conflistText({ ...paths, chain, sysctls })) as unknown;
  expect(read({})).toMatchObject({
    cniVersions: ['0.4.0', '1.0.0'],
    plugins: [
      { type: 'opencontrail-cni' },
      { type: 'portmap', capabilities: { portMappings: true } },
      { type: 'bandwidth', capabilities: { bandwidth: true } },
    ],
  });
  expect(read({ 'net.core.somaxconn': '1024' })).toMatchObject({
    plugins: [{}, {}, {}, { type: 'tuning', sysctl: { 'net.core.somaxconn': '1024' } }],
  });
});
