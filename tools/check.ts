/** `npm run check`: everything a reviewer would run, in one command; stops at nothing, fails if anything failed. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

interface Step {
  readonly name: string;
  readonly command: readonly string[];
}

const STEPS: readonly Step[] = [
  { name: 'format', command: ['npx', 'biome', 'format', '.'] },
  { name: 'lint', command: ['npm', 'run', '-s', 'lint'] },
  { name: 'types', command: ['npx', 'tsc', '--noEmit'] },
  { name: 'dead exports', command: ['npx', 'knip'] },
  { name: 'generated docs', command: ['node', 'tools/docs.ts', '--check'] },
  {
    name: 'chart',
    command: [helm(), 'lint', '--strict', 'charts/opencontrail', '--set', 'kubernetes.apiServer=192.0.2.1:6443'],
  },
  { name: 'import table and unit tests', command: ['npm', 'run', '-s', 'unit'] },
];

/** The lab's own helm, where it is built already; else one on the PATH. */
function helm(): string {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'opencontrail-lab');
  const builds = existsSync(cache) ? readdirSync(cache).map((build) => join(cache, build, 'bin', 'helm')) : [];
  return builds.find((path) => existsSync(path)) ?? 'helm';
}

const failed = STEPS.filter(({ name, command: [program = '', ...args] }) => {
  process.stdout.write(`— ${name}: ${[program, ...args].join(' ')}\n`);
  return spawnSync(program, args, { stdio: 'inherit' }).status !== 0;
});
process.stdout.write(
  failed.length === 0 ? 'check: clean\n' : `check: failed: ${failed.map(({ name }) => name).join(', ')}\n`,
);
process.exit(failed.length === 0 ? 0 : 1);
