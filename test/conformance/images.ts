/** The image that the upstream suites' pods run: agnhost with the tools that the suites call in it. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../lab/command.ts';
import { debianLayer } from '../lab/image/debian.ts';
import { layerFromFolder, writeImage } from '../lab/image/oci.ts';
import { ensureImage } from '../lab/load.ts';
import { binary, binariesDir } from '../lab/paths.ts';

/** By upstream's own Dockerfile of agnhost, as Debian names them. */
const TOOLS = ['bind9-dnsutils', 'curl', 'iproute2', 'netcat-openbsd', 'wget'];

/** Builds the image if it is not in the cache, and loads it on the nodes under all the names that `program` asks for. */
export async function provideImages(program: string, repositories: string, nodes: readonly string[]): Promise<void> {
  const { stdout } = await run(program, ['-images'], { env: { KUBE_TEST_REPO_LIST: repositories } });
  const names = stdout.trim().split('\n');
  const layers = [await debianLayer("Debian base of the upstream suites' image", TOOLS), await programsLayer()];
  const { archive } = await writeImage(names, layers, {
    entrypoint: ['/agnhost'],
    command: ['pause'],
    environment: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
  });
  await ensureImage(archive, nodes);
}

/** agnhost and the CoreDNS that some of the DNS specs start in it. */
async function programsLayer(): ReturnType<typeof layerFromFolder> {
  const root = mkdtempSync(join(tmpdir(), 'conformance-image-'));
  try {
    for (const name of ['agnhost', 'coredns']) cpSync(binary(name), join(root, name));
    return await layerFromFolder(root, `agnhost-coredns-${binariesDir().slice(-12)}`);
  } finally {
    rmSync(root, { recursive: true });
  }
}
