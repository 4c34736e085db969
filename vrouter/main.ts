/** Program: the Linux vRouter. */
import { readSettings } from '../runtime/config.ts';
import { runProgram } from '../runtime/lifecycle.ts';
import { createLogger } from '../runtime/log.ts';
import { removeAll } from './apply/remove.ts';
import { runHere } from './apply/run.ts';
import { startVrouter } from './program.ts';
import { PROGRAM, SETTINGS } from './settings.ts';

const GRACE_MS = 10_000;

const settings = readSettings(PROGRAM, SETTINGS);
const log = createLogger(PROGRAM.name, settings.logLevel);
if (settings.remove) {
  await removeAll(runHere, settings.vxlanDevice);
  log.info('removed from the kernel');
} else {
  await runProgram(log, GRACE_MS, async (lifecycle) => startVrouter(settings, log, lifecycle));
}
