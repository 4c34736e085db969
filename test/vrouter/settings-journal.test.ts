import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { rememberSettings } from '../../vrouter/apply/settings-journal.ts';

let folder: string;
const remembered = async (): Promise<unknown> => JSON.parse(await readFile(join(folder, 'sysctls.json'), 'utf8'));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'oc-settings-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

test('the oldest value of a setting is kept, whatever a later start finds', async () => {
  await rememberSettings(folder, { 'net/ipv4/ip_forward': '0' });
  await rememberSettings(folder, { 'net/ipv4/ip_forward': '1', 'net/ipv4/conf/all/rp_filter': '2' });
  expect(await remembered()).toEqual({ 'net/ipv4/ip_forward': '0', 'net/ipv4/conf/all/rp_filter': '2' });
});

test('nothing changed leaves no file', async () => {
  await rememberSettings(folder, {});
  await expect(remembered()).rejects.toThrow('ENOENT');
});
