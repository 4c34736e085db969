/** The lab's own images: busybox (also every pod's sandbox), CoreDNS, and the upstream tests' agnhost. */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { run } from '../command.ts';
import { sandboxImage } from '../node.ts';
import { binary, binariesDir, cacheDir } from '../paths.ts';
import { layerFromFolder, writeImage } from './oci.ts';
import type { Image } from './oci.ts';

/** Builds what is not in the cache; returns the archives in the order in which nodes need them. */
export async function testImages(): Promise<readonly Image[]> {
  return [await busybox(), await fromBinary('coredns'), await fromBinary('agnhost')];
}

/**
 * Static busybox under all its names. `/pause` waits and, unlike `sleep` as PID 1, ends on TERM. Debian's build of 1.35
 * crashes in `wget -T`: write `timeout 2 wget …`.
 */
async function busybox(): Promise<Image> {
  const version = createHash('sha256').update(readFileSync('/bin/busybox')).digest('hex').slice(0, 12);
  return fromFolder(`busybox-${version}`, [sandboxImage, 'docker.io/library/busybox:latest'], async (root) => {
    cpSync('/bin/busybox', join(root, 'bin', 'busybox'));
    const applets = (await run('/bin/busybox', ['--list'])).stdout.trim().split('\n');
    for (const applet of applets) {
      if (applet !== 'busybox') linkSync(join(root, 'bin', 'busybox'), join(root, 'bin', applet));
    }
    writeFileSync(join(root, 'pause'), '#!/bin/sh\ntrap "exit 0" TERM INT\nwhile :; do sleep 86400 & wait $!; done\n');
    chmodSync(join(root, 'pause'), 0o755);
    return { entrypoint: [], command: ['/pause'] };
  });
}

async function fromBinary(name: string): Promise<Image> {
  const key = `${name}-${binariesDir().slice(-12)}`;
  return fromFolder(key, [`docker.io/library/${name}:lab`], async (root) => {
    cpSync(binary(name), join(root, name));
    return { entrypoint: [`/${name}`] };
  });
}

type Fill = (root: string) => Promise<{ readonly entrypoint: readonly string[]; readonly command?: readonly string[] }>;

async function fromFolder(key: string, names: readonly string[], fill: Fill): Promise<Image> {
  mkdirSync(join(cacheDir, 'layers'), { recursive: true });
  const root = mkdtempSync(join(cacheDir, 'layers', '.making-'));
  try {
    for (const dir of ['bin', 'etc', 'tmp', 'root', 'proc', 'sys', 'dev', 'var']) mkdirSync(join(root, dir));
    chmodSync(root, 0o755);
    chmodSync(join(root, 'tmp'), 0o1777);
    writeFileSync(
      join(root, 'etc', 'passwd'),
      'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n',
    );
    writeFileSync(join(root, 'etc', 'group'), 'root:x:0:\nnogroup:x:65534:\n');
    symlinkSync('/run', join(root, 'var', 'run'));
    const config = await fill(root);
    return await writeImage(names, [await layerFromFolder(root, key)], {
      ...config,
      environment: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
    });
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
