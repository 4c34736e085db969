/** The vRouter as a whole: configuration stream and port API into one engine. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createContrailClient } from '../contrail/client.ts';
import { watchConfig } from '../contrail/watch.ts';
import { messageOf } from '../runtime/errors.ts';
import { closeAtOnce, serveMetrics } from '../runtime/health.ts';
import type { Lifecycle } from '../runtime/lifecycle.ts';
import type { Logger } from '../runtime/log.ts';
import { createRegistry } from '../runtime/metrics.ts';
import { readPodRoutes } from './apply/adopt.ts';
import { readDrops } from './apply/noted.ts';
import { createJournal } from './apply/journal.ts';
import { createKernel, type Kernel, type KernelDeps } from './apply/kernel.ts';
import { createSessions } from './apply/sessions.ts';
import { rememberSettings } from './apply/settings-journal.ts';
import { runHere } from './apply/run.ts';
import { createAttachmentTeller } from './attachment.ts';
import { createCaptures } from './capture/capture.ts';
import { contrailEndpoints } from '../contrail/endpoints.ts';
import { createEngine } from './engine.ts';
import type { Engine } from './engine.ts';
import { serveBeside } from './beside.ts';
import { createHitCounter } from './hit-counter.ts';
import { createVrouterMetrics } from './metrics.ts';
import { servePorts } from './ports/api.ts';
import { openPorts } from './ports/ports.ts';
import { createPortStore } from './ports/store.ts';
import type { VrouterSettings } from './settings.ts';

/** Starts everything; resolves when the port API listens. The kernel keeps what it has until the configuration arrives. */
export async function startVrouter(settings: VrouterSettings, log: Logger, lifecycle: Lifecycle): Promise<void> {
  const { node, vxlanDevice: device, vxlanPort } = settings;
  const registry = createRegistry();
  const metrics = createVrouterMetrics(registry);
  const sessions = createSessions();
  const kernel = openKernel(settings, sessions, log);
  const client = createContrailClient({
    ...(await contrailEndpoints(settings, { apiServer: settings.kubernetesApi })),
    signal: lifecycle.signal,
  });
  lifecycle.onClose('contrail', client.close);
  const attachment = createAttachmentTeller({ client, log });
  lifecycle.onClose('attachment', attachment.close);
  const { onApplied, readHealth, whenKnown } = serveBeside(settings, { log, lifecycle, engine: () => engine });
  const engine: Engine = createEngine({
    node,
    device,
    vxlanPort,
    hasTenants: settings.leaseNamespace !== '',
    ...(settings.nodeIp === '' ? {} : { nodeAddress: settings.nodeIp }),
    run: runHere,
    sessions,
    kernel,
    log,
    rememberSettings: (before) => rememberSettings(settings.stateDir, before),
    onRound: metrics.round,
    onApplied,
    onInterfaces: attachment.set,
  });
  lifecycle.onClose('engine', engine.close);
  const hits = createHitCounter(engine, runHere);
  const ports = await openPorts({ store: createPortStore(settings.portDir), engine });
  const checks = [{ name: 'kernel', unready: engine.unready }];
  const reads = { readHits: hits.read, readHealth, ...KERNEL_READS, captures: createCaptures() };
  const server = await servePorts(settings.listen, { ports, engine, registry, checks, ...reads });
  lifecycle.onClose('port API', () => closeAtOnce(server));
  await serveMetrics(settings.metricsListen, registry, lifecycle);
  const { setConfig: onChange, passRevision: onRevision } = engine;
  await whenKnown();
  void watchConfig({ client, node, onChange, onRevision, signal: lifecycle.signal, log });
  void lookForEver({
    everyMs: settings.verifyInterval * 1000,
    signal: lifecycle.signal,
    log,
    look: [engine.verify, async () => metrics.readDrops(runHere), hits.look],
  });
  void lookForEver({ everyMs: LOOK_AROUND_MS, signal: lifecycle.signal, log, look: [engine.lookAround] });
  log.info({ node, listen: settings.listen }, 'serving ports');
}

function openKernel(
  { stateDir, vxlanDevice: device }: VrouterSettings,
  sessions: KernelDeps['sessions'],
  log: Logger,
): Kernel {
  const journal = createJournal(stateDir, (error) => {
    log.warn({ reason: messageOf(error) }, 'cannot write what was applied');
  });
  const onRefused = (reason: string): void => log.warn({ reason }, 'nft refused a change: loading the whole table');
  return createKernel({ run: runHere, sessions, journal, device, onRefused });
}

/** A node that comes back with another MAC is believed again after so long; nothing is read where the underlay routes nothing. */
const LOOK_AROUND_MS = 1000;

/** What the port API tells of the kernel, read when it is asked. */
const KERNEL_READS = {
  readKernel: async () => readPodRoutes(runHere),
  readDrops: async () => readDrops(runHere),
};

interface LookOptions {
  readonly everyMs: number;
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** What is looked at, all at once. */
  readonly look: readonly (() => Promise<void>)[];
}

/** Others flush rules and routes at times (facts 1.22): what is missing is put back. What the kernel counts is taken up. */
async function lookForEver({ everyMs, signal, log, look }: LookOptions): Promise<void> {
  while (!signal.aborted) {
    // Ends early when the program stops.
    await sleep(everyMs, undefined, { signal, ref: false }).catch(() => undefined);
    if (signal.aborted) return;
    await Promise.all(look.map((each) => each())).catch((error: unknown) => {
      log.warn({ reason: messageOf(error) }, 'cannot compare with the kernel');
    });
  }
}
