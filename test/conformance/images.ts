/** The images that the upstream suites' pods run, under the names that they ask for. */
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../lab/command.ts';
import { debianLayer } from '../lab/image/debian.ts';
import { layerFromFolder, writeImage } from '../lab/image/oci.ts';
import { ensureImage } from '../lab/load.ts';
import { binary } from '../lab/paths.ts';

/** By upstream's own Dockerfile of agnhost, as Debian names them. */
const TOOLS = ['bind9-dnsutils', 'curl', 'iproute2', 'netcat-openbsd', 'wget'];

/** Kubernetes' suites: what they are, their sources, and the file that names where their images come from. */
interface KubernetesSuite {
  readonly program: string;
  readonly sources: string;
  readonly repositories: string;
}

/**
 * agnhost with the tools and files that Kubernetes' suites expect beside it: builds the image if it is not in the cache, and loads it
 * on the nodes under all the names that the suites ask for.
 */
export async function provideImages(
  { program, sources, repositories }: KubernetesSuite,
  nodes: readonly string[],
): Promise<void> {
  const porter = join(sources, 'test', 'images', 'agnhost', 'porter');
  const certificate = Object.fromEntries(['localhost.crt', 'localhost.key'].map((file) => [file, join(porter, file)]));
  const { stdout } = await run(program, ['-images'], { env: { KUBE_TEST_REPO_LIST: repositories } });
  const names = stdout.trim().split('\n');
  await provideAgnhost(names, { files: { coredns: binary('coredns'), ...certificate }, nodes });
}

/** agnhost alone, which is all that the pods of the Network Policy API's suite run, with a shell. */
export async function providePolicyImage(manifests: string, nodes: readonly string[]): Promise<void> {
  await provideAgnhost(imagesIn(join(manifests, 'base')), { files: {}, nodes });
}

/** agnhost with upstream's tools, and files beside it, under these names. */
async function provideAgnhost(
  names: readonly string[],
  { files, nodes }: { readonly files: Readonly<Record<string, string>>; readonly nodes: readonly string[] },
): Promise<void> {
  const layers = [
    await debianLayer("Debian base of the upstream suites' image", TOOLS),
    await filesLayer({ agnhost: binary('agnhost'), ...files }),
  ];
  const { archive } = await writeImage(names, layers, {
    entrypoint: ['/agnhost'],
    command: ['pause'],
    environment: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
  });
  await ensureImage(archive, nodes);
}

/** What Gateway API's suite asks for: its own server under several tags, and the lab's CoreDNS for another. */
export async function provideGatewayImages({
  echo,
  manifests,
  nodes,
}: {
  readonly echo: string;
  readonly manifests: string;
  readonly nodes: readonly string[];
}): Promise<void> {
  const names = ['base', 'tests'].flatMap((part) => imagesIn(join(manifests, part)));
  const programs = { 'echo-basic': echo, coredns: binary('coredns') };
  for (const [program, path] of Object.entries(programs)) {
    const own = names.filter((name) => name.includes(`/${program}:`));
    const { archive } = await writeImage(own, [await filesLayer({ [program]: path })], {
      entrypoint: [`/${program}`],
    });
    await ensureImage(archive, nodes);
  }
}

/** The names of all images that the pods of a folder's manifests ask for. */
function imagesIn(folder: string): readonly string[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.yaml'));
  const texts = files.map((file) => readFileSync(join(folder, file), 'utf8'));
  return [...new Set(texts.flatMap((text) => [...text.matchAll(/^\s+image: (\S+)$/gm)].map(([, name = '']) => name)))];
}

/** Files in the root folder, static programs among them; the name of each to where it is now. */
async function filesLayer(files: Readonly<Record<string, string>>): ReturnType<typeof layerFromFolder> {
  const root = mkdtempSync(join(tmpdir(), 'conformance-image-'));
  try {
    for (const [name, path] of Object.entries(files)) cpSync(path, join(root, name));
    // A folder's name says what its files were made from.
    const key = createHash('sha256').update(JSON.stringify(files)).digest('hex').slice(0, 12);
    return await layerFromFolder(root, `${Object.keys(files).join('-')}-${key}`);
  } finally {
    rmSync(root, { recursive: true });
  }
}
