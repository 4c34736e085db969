/** Images made without an image tool: what is in the archive, and when it is the same. */
import { afterAll, describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './command.ts';
import { layerFromFolder, writeImage } from './image/oci.ts';
import { parseRecipe, readRecipe } from './image/recipe.ts';

const temporary = mkdtempSync(join(tmpdir(), 'lab-image-'));
afterAll(() => rmSync(temporary, { recursive: true }));

/** A layer whose cache entry is this test's own and is removed with it. */
async function layer(content: string) {
  const folder = mkdtempSync(join(temporary, 'root-'));
  writeFileSync(join(folder, 'file'), content);
  const made = await layerFromFolder(folder, `test-${process.pid}-${Math.random()}`);
  afterFiles.push(made.file, `${made.file}.sha256`);
  return made;
}

const afterFiles: string[] = [];
afterAll(() => {
  for (const file of afterFiles) rmSync(file, { force: true });
});

describe('an image', () => {
  test('holds every blob under its own digest, and names what it is told to', async () => {
    const image = await writeImage(['docker.io/library/test:{id}'], [await layer('one')], { entrypoint: ['/file'] });
    afterFiles.push(image.archive);
    const unpacked = mkdtempSync(join(temporary, 'archive-'));
    await run('tar', ['-C', unpacked, '-xf', image.archive]);
    const index = JSON.parse(readFileSync(join(unpacked, 'index.json'), 'utf8'));
    expect(index.manifests[0].annotations['io.containerd.image.name']).toBe(`docker.io/library/test:${image.id}`);
    const blob = (digest: string) => {
      const bytes = readFileSync(join(unpacked, 'blobs', 'sha256', digest.replace('sha256:', '')));
      expect(`sha256:${createHash('sha256').update(bytes).digest('hex')}`).toBe(digest);
      return bytes;
    };
    const manifest = JSON.parse(blob(index.manifests[0].digest).toString());
    const config = JSON.parse(blob(manifest.config.digest).toString());
    expect(config.config.Entrypoint).toEqual(['/file']);
    for (const { digest, size } of manifest.layers) expect(blob(digest)).toHaveLength(size);
  });

  test('has the same id for the same files made at another time, and another id for other files', async () => {
    const ids = await Promise.all(
      ['same', 'same', 'other'].map(async (content) => {
        const image = await writeImage(['docker.io/library/test:x'], [await layer(content)], {});
        afterFiles.push(image.archive);
        return image.id;
      }),
    );
    expect(ids[1]).toBe(ids[0]);
    expect(ids[2]).not.toBe(ids[0]);
  });
});

describe('the recipe', () => {
  test('is read from the Dockerfile: its packages and its own copies, not those of the build stage', () => {
    const recipe = readRecipe();
    expect(recipe.packages).toContain('nftables');
    expect(recipe.copies).toContainEqual(['runtime', 'runtime']);
    expect(recipe.copies).toContainEqual(['tools/opencontrail', 'bin/opencontrail']);
    expect(recipe.copies.flat()).not.toContain('.');
  });

  test('refuses a Dockerfile that it does not understand', () => {
    expect(() => parseRecipe('FROM scratch\nCOPY . .\n')).toThrow('ARG PACKAGES');
  });
});
