/** Programs that run for long, and whose words are in a file, where one can see how far they have got. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Runs a program to its end, whatever that is; answers the path of the file. `env` is added to this process's own. */
export async function runLogged(
  name: string,
  [program, ...args]: readonly [string, ...string[]],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const path = join(tmpdir(), `conformance-${name}.log`);
  const log = openSync(path, 'w');
  await once(spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', log, log] }), 'close');
  closeSync(log);
  return path;
}
