/** Program `workers`: makes Contrail match Kubernetes. */
import { readSettings } from '../runtime/config.ts';
import { runProgram } from '../runtime/lifecycle.ts';
import { createLogger } from '../runtime/log.ts';
import { startWorkers } from './program.ts';
import { PROGRAM, SETTINGS } from './settings.ts';

/** Long enough for a run against a config API that is slow, shorter than a pod's own grace period. */
const GRACE_MS = 20_000;

const settings = readSettings(PROGRAM, SETTINGS);
const log = createLogger(PROGRAM.name, settings.logLevel);
await runProgram(log, GRACE_MS, (lifecycle) => startWorkers(settings, log, lifecycle));
