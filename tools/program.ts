/** `npm run program -- <name> [flags]`: starts one program from the checkout. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const PROGRAMS: Readonly<Record<string, string>> = {
  webhooks: 'webhooks/main.ts',
  workers: 'workers/main.ts',
  'config-api': 'contrail/server/main.ts',
  vrouter: 'vrouter/main.ts',
  agent: 'cni/agent/main.ts',
  certs: 'certs/main.ts',
};

const [name = '', ...flags] = process.argv.slice(2);
const path = PROGRAMS[name];
if (path === undefined) {
  process.stderr.write(
    `npm run program -- config-api --listen 127.0.0.1:18082 --redis redis://127.0.0.1:6379/1\n\n` +
      `"${name}" is no program; one of: ${Object.keys(PROGRAMS).join(', ')}. Each answers --help.\n`,
  );
  process.exit(2);
}
const child = spawn(process.execPath, [fileURLToPath(new URL(`../${path}`, import.meta.url)), ...flags], {
  stdio: 'inherit',
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
child.on('exit', (code) => process.exit(code ?? 1));
