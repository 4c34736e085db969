/** Debian as a layer of the lab's images. */
import { createHash } from 'node:crypto';
import { run } from '../command.ts';
import { type Layer, slowLayer } from './oci.ts';

/** Debian without documentation and package lists. Its key holds the packages; delete the cache for newer ones. */
export async function debianLayer(title: string, packages: readonly string[]): Promise<Layer> {
  const noDocs = [
    '--dpkgopt=path-exclude=/usr/share/man/*',
    '--dpkgopt=path-exclude=/usr/share/doc/*',
    '--dpkgopt=path-exclude=/usr/share/locale/*',
  ];
  const args = ['--variant=minbase', `--include=${packages.join(',')}`, ...noDocs, 'bookworm'];
  const key = createHash('sha256').update(args.join('\0'), 'latin1').digest('hex').slice(0, 16);
  return slowLayer(`base-${key}`, { title, seconds: 60 }, (file) =>
    run('mmdebstrap', ['--quiet', '--format=tar', ...args, file]),
  );
}
