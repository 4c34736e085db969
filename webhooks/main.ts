/** The program `webhooks`. */
import { readSettings } from '../runtime/config.ts';
import { runProgram } from '../runtime/lifecycle.ts';
import { createLogger } from '../runtime/log.ts';
import { startWebhooks } from './program.ts';
import { PROGRAM, SETTINGS } from './settings.ts';

const flags = readSettings(PROGRAM, SETTINGS);
const log = createLogger(PROGRAM.name, flags.logLevel);
/** What is in flight when the drain ends has its timeout, three seconds, and then some. */
const graceMs = (flags.drainSeconds + 10) * 1000;
await runProgram(log, graceMs, async (lifecycle) => {
  await startWebhooks(flags, lifecycle, log);
});
