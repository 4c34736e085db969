/** The program `function`: a Knative Service, or any host that gives a container a PORT. */
import { readSettings } from '../../runtime/config.ts';
import { runProgram } from '../../runtime/lifecycle.ts';
import { createLogger } from '../../runtime/log.ts';
import { createFunction } from './function.ts';
import { startPlainServer } from './plain-server.ts';
import { FUNCTION_PROGRAM, FUNCTION_SETTINGS } from './settings.ts';

const settings = readSettings(FUNCTION_PROGRAM, FUNCTION_SETTINGS);
const log = createLogger(FUNCTION_PROGRAM.name, settings.logLevel);
await runProgram(log, 10_000, async ({ onClose }) => {
  const { port, close } = await startPlainServer(createFunction(settings), settings.port);
  onClose('server', close);
  log.info({ port }, 'serving');
});
