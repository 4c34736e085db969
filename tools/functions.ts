/** `npm run build:functions`: each function host as one file that its platform takes, in dist/functions, and how large it is. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const HOSTS = { lambda: 'index.mjs', google: 'index.js', express: 'index.mjs' } as const;

for (const [host, name] of Object.entries(HOSTS)) {
  const folder = join(root, 'dist/functions', host);
  const file = join(folder, name);
  mkdirSync(folder, { recursive: true });
  const shape = ['--target=node', '--format=esm', '--minify'];
  // It is loaded only to read a kubeconfig file, which a function has none of.
  const left = ['--external', '@kubernetes/client-node'];
  execFileSync('bun', ['build', join(root, `webhooks/hosts/${host}.ts`), ...shape, ...left, '--outfile', file], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  writeFileSync(join(folder, 'package.json'), '{"type": "module", "main": "./index.js"}\n');
  process.stdout.write(`dist/functions/${host}/${name}: ${Math.ceil(statSync(file).size / 1024)} KiB\n`);
}
