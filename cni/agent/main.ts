/** Program: the node agent. */
import { readSettings } from '../../runtime/config.ts';
import { serveHealth, serveMetrics } from '../../runtime/health.ts';
import { runProgram } from '../../runtime/lifecycle.ts';
import { createLogger } from '../../runtime/log.ts';
import { createRegistry } from '../../runtime/metrics.ts';
import { startAgent } from './agent.ts';
import { AGENT_PROGRAM, AGENT_SETTINGS } from './settings.ts';

const GRACE_MS = 10_000;

const settings = readSettings(AGENT_PROGRAM, AGENT_SETTINGS);
const log = createLogger(AGENT_PROGRAM.name, settings.logLevel);

await runProgram(log, GRACE_MS, async (lifecycle) => {
  const registry = createRegistry();
  const unready = await startAgent(settings, { log, registry, lifecycle });
  const server = await serveHealth(settings.listen, { checks: [{ name: 'node', unready }], registry });
  lifecycle.onClose('probes', () => new Promise<void>((resolve) => server.close(() => resolve())));
  await serveMetrics(settings.metricsListen, registry, lifecycle);
});
