/** `npm run program -- <program> [flags]`: starts one of the product's programs from the checkout. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';

const child = spawn(join(import.meta.dirname, 'opencontrail'), process.argv.slice(2), { stdio: 'inherit' });
// The terminal sends Ctrl-C to the program as well; it ends in its own time, and this process with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
child.on('exit', (code) => process.exit(code ?? 1));
