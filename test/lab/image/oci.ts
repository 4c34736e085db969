/** An image as a tar in OCI layout: layers are tars, the rest is JSON. Neither a daemon nor an image tool is needed. */
import { createHash } from 'node:crypto';
import {
  createReadStream,
  existsSync,
  symlinkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { run } from '../command.ts';
import { cacheDir } from '../paths.ts';
import { step } from '../progress.ts';

/** An uncompressed layer tar in the cache; its digest is its diff id, too. */
export interface Layer {
  readonly file: string;
  readonly digest: string;
  readonly sizeBytes: number;
}

/** What the image's processes start with. */
export interface ImageConfig {
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: readonly string[];
  /** Digests of layers that the archive names but does not hold, for nodes that have them. */
  readonly leftOut?: readonly string[];
}

/** An archive `ctr images import` takes. `id` is twelve digits of the image's digest: it changes when the content does. */
export interface Image {
  readonly archive: string;
  readonly id: string;
}

/** Makes a layer from a folder, the same bytes for the same files: no times, no owners. `key` names it in the cache. */
export async function layerFromFolder(folder: string, key: string): Promise<Layer> {
  const reproducible = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--format=gnu'];
  return cachedLayer(key, (file) => run('tar', [...reproducible, '-C', folder, '-cf', file, '.']));
}

/** The layer named `key` from the cache; `make` writes its tar when it is not there. */
export async function cachedLayer(key: string, make: (file: string) => Promise<unknown>): Promise<Layer> {
  const file = join(cacheDir, 'layers', `${key}.tar`);
  if (!existsSync(`${file}.sha256`)) {
    mkdirSync(dirname(file), { recursive: true });
    const partial = `${file}.making-${process.pid}`;
    await make(partial);
    const digest = await sha256(partial);
    renameSync(partial, file);
    writeFileSync(`${partial}.sha256`, digest);
    renameSync(`${partial}.sha256`, `${file}.sha256`);
  }
  return { file, digest: readFileSync(`${file}.sha256`, 'utf8'), sizeBytes: statSync(file).size };
}

/** The layer named `key` from the cache; making it is a step that is shown. */
export async function slowLayer(
  key: string,
  { title, seconds }: { readonly title: string; readonly seconds: number },
  make: (file: string) => Promise<unknown>,
): Promise<Layer> {
  return cachedLayer(key, (file) => step(title, seconds, () => make(file)));
}

/** Writes the archive of an image. `names` are whole (`docker.io/library/busybox:lab`); `{id}` in one is the image's id. */
export async function writeImage(
  names: readonly string[],
  layers: readonly Layer[],
  config: ImageConfig,
): Promise<Image> {
  const manifest = manifestOf(layers, config);
  const id = manifest.digest.slice(0, 12);
  const left = hashOf([...names, ...(config.leftOut ?? [])].join());
  const archive = join(cacheDir, 'images', `${id}-${left}.tar`);
  if (existsSync(archive)) return { archive, id };
  mkdirSync(dirname(archive), { recursive: true });
  const dir = mkdtempSync(join(cacheDir, 'images', '.making-'));
  mkdirSync(join(dir, 'blobs', 'sha256'), { recursive: true });
  const included = layers.filter(({ digest }) => config.leftOut?.includes(digest) !== true);
  // Links to the layers by name: another archive may be made of them at the same time, and a new hard link is a change to tar.
  for (const layer of included) symlinkSync(layer.file, join(dir, 'blobs', 'sha256', layer.digest));
  for (const blob of manifest.blobs) writeFileSync(join(dir, 'blobs', 'sha256', hashOf(blob, 64)), blob);
  writeFileSync(join(dir, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(
    join(dir, 'index.json'),
    index(
      names.map((name) => name.replace('{id}', id)),
      manifest,
    ),
  );
  await run('tar', ['-C', dir, '--dereference', '-cf', join(dir, 'archive.tar'), 'oci-layout', 'index.json', 'blobs']);
  renameSync(join(dir, 'archive.tar'), archive);
  rmSync(dir, { recursive: true });
  keepNewest(dirname(archive), (file) => file.endsWith(`-${left}.tar`), 2);
  return { archive, id };
}

/** A cache of what changes daily would fill the disk: of the files that match, only the newest stay. */
export function keepNewest(dir: string, matches: (file: string) => boolean, count: number): void {
  const files = readdirSync(dir)
    .filter(matches)
    .map((file) => ({ path: join(dir, file), changed: statSync(join(dir, file)).mtimeMs }))
    .sort((a, b) => b.changed - a.changed);
  for (const { path } of files.slice(count)) {
    rmSync(path);
    rmSync(`${path}.sha256`, { force: true });
  }
}

interface Manifest {
  readonly digest: string;
  readonly sizeBytes: number;
  readonly blobs: readonly string[];
}

function manifestOf(layers: readonly Layer[], config: ImageConfig): Manifest {
  const configText = JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    config: { Entrypoint: config.entrypoint, Cmd: config.command, Env: config.environment },
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => `sha256:${digest}`) },
  });
  const text = JSON.stringify({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: descriptor('application/vnd.oci.image.config.v1+json', hashOf(configText, 64), configText.length),
    layers: layers.map((layer) => descriptor('application/vnd.oci.image.layer.v1.tar', layer.digest, layer.sizeBytes)),
  });
  return { digest: hashOf(text, 64), sizeBytes: text.length, blobs: [configText, text] };
}

function index(names: readonly string[], manifest: Manifest): string {
  const base = descriptor('application/vnd.oci.image.manifest.v1+json', manifest.digest, manifest.sizeBytes);
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: names.map((name) => ({
      ...base,
      platform: { architecture: 'amd64', os: 'linux' },
      annotations: { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': name.split(':').at(-1) },
    })),
  });
}

function descriptor(mediaType: string, digest: string, size: number): object {
  return { mediaType, digest: `sha256:${digest}`, size };
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

function hashOf(text: string, digits = 8): string {
  return createHash('sha256').update(text).digest('hex').slice(0, digits);
}
