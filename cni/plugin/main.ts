/** Program: the CNI plugin, a single executable that the container runtime starts for each command. */
import { readFileSync, writeSync } from 'node:fs';
import { runPlugin } from './run.ts';
import { readEnvironment } from './skel.ts';

void runPlugin({
  env: readEnvironment(),
  readStdin: () => readFileSync(0, 'utf8'),
  stdout: (text) => writeSync(1, text),
  stderr: (text) => writeSync(2, text),
}).then((code) => process.exit(code));
