/** Program `bgp`: tells routers outside what its node serves. */
import { readSettings } from '../runtime/config.ts';
import { runProgram } from '../runtime/lifecycle.ts';
import { createLogger } from '../runtime/log.ts';
import { startBgp } from './program.ts';
import { PROGRAM, SETTINGS } from './settings.ts';

/** BIRD takes its leave of every neighbor. */
const GRACE_MS = 10_000;

const settings = readSettings(PROGRAM, SETTINGS);
const log = createLogger(PROGRAM.name, settings.logLevel);
await runProgram(log, GRACE_MS, (lifecycle) => startBgp(settings, log, lifecycle));
