/** Program `proxy`: serves Ingresses by a HAProxy of its own. */
import { readSettings } from '../runtime/config.ts';
import { runProgram } from '../runtime/lifecycle.ts';
import { createLogger } from '../runtime/log.ts';
import { startProxy } from './program.ts';
import { PROGRAM, SETTINGS } from './settings.ts';

/** Requests under way are answered; what lasts longer is the pod's own grace period's to end. */
const GRACE_MS = 25_000;

const settings = readSettings(PROGRAM, SETTINGS);
const log = createLogger(PROGRAM.name, settings.logLevel);
await runProgram(log, GRACE_MS, (lifecycle) => startProxy(settings, log, lifecycle));
