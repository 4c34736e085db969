/**
 * The disk that every new node begins with. Importing images means hashing and unpacking a gigabyte, on each node, each
 * time; a disk on which that was done once is copied in a second.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './command.ts';
import { waitFor } from './handle.ts';
import { keepNewest, writeImage } from './image/oci.ts';
import { lowerLayers, productRepository } from './image/product.ts';
import { testImages } from './image/test-images.ts';
import { loadImage } from './load.ts';
import { machineDir, startMachine, stopMachine } from './machine.ts';
import { runtimeOnly } from './node.ts';
import { cacheDir } from './paths.ts';
import { step } from './progress.ts';

/** A machine that only fills the disk. */
const builder = 'disk';

/**
 * The file of a disk that holds the lab's own images and those layers of the product's that seldom change. Made when it
 * is not in the cache, in the network namespace of `cp`, which must exist.
 */
export async function nodeDisk(): Promise<string> {
  const lower = await writeImage([`${productRepository}:lower-layers`], await lowerLayers(), {});
  const archives = [...(await testImages()), lower].map(({ archive }) => archive);
  const file = join(
    cacheDir,
    'disks',
    `${createHash('sha256').update(archives.join()).digest('hex').slice(0, 12)}.img`,
  );
  if (!existsSync(file)) await step('the disk that nodes begin with, once', 20, () => makeDisk(file, archives));
  return file;
}

async function makeDisk(file: string, archives: readonly string[]): Promise<void> {
  await stopMachine(builder);
  rmSync(machineDir(builder), { recursive: true, force: true });
  await startMachine({ ...runtimeOnly(builder), networkOf: 'cp' });
  for (const archive of archives) await waitFor('containerd', () => loadImage(archive, [builder]).then(() => true));
  await run('sync', ['-f', machineDir(builder)]);
  await stopMachine(builder);
  await disksReleased(machineDir(builder));
  mkdirSync(join(cacheDir, 'disks'), { recursive: true });
  const partial = `${file}.copying-${process.pid}`;
  await run('cp', ['--sparse=always', join(machineDir(builder), 'disk.img'), partial]);
  renameSync(partial, file);
  rmSync(machineDir(builder), { recursive: true, force: true });
  keepNewest(join(cacheDir, 'disks'), (name) => name.endsWith('.img'), 2);
}

/** Waits until the kernel has freed the loop devices on files under `folder`: a moment after the last unmount. */
export async function disksReleased(folder: string): Promise<void> {
  await waitFor('the kernel to let disks go', async () => busyDisks(folder).length === 0, { everyMs: 30 });
}

/** Deleted files included. */
function busyDisks(folder: string): readonly string[] {
  return readdirSync('/sys/block')
    .map((device) => join('/sys/block', device, 'loop', 'backing_file'))
    .filter((file) => existsSync(file) && readFileSync(file, 'utf8').startsWith(`${folder}/`));
}
