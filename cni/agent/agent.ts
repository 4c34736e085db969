/** The running agent: its parts put together, its periodic work, and what opens must close. */
import { existsSync, statSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Registry } from 'prom-client';
import { createNames } from '../../contrail/names.ts';
import { fqNameText } from '../../contrail/objects.ts';
import { createReflector } from '../../kubernetes/cache.ts';
import { createKubeClient } from '../../kubernetes/client.ts';
import type { SettingsValues } from '../../runtime/config.ts';
import { messageOf } from '../../runtime/errors.ts';
import type { Lifecycle } from '../../runtime/lifecycle.ts';
import type { Logger } from '../../runtime/log.ts';
import { histogram } from '../../runtime/metrics.ts';
import { SERVING_FILE, SERVING_GRACE_MS } from '../protocol.ts';
import { type Chain, chainOn } from './chain.ts';
import { sweep } from './collect.ts';
import { createCommands } from './commands.ts';
import { CONFLIST_NAME, type ConflistState, conflistText, installFile, keepConflist, PLUGIN_NAME } from './conflist.ts';
import type { AgentDeps } from './deps.ts';
import { openJournal } from './journal.ts';
import { createLocks } from './locks.ts';
import { createPodMtu } from './mtu.ts';
import { createNetlink } from './ip.ts';
import { createPodSource } from './pods.ts';
import { serveCni } from './server.ts';
import type { AGENT_SETTINGS } from './settings.ts';
import { createVRouter } from './vrouter.ts';

export type AgentSettings = SettingsValues<typeof AGENT_SETTINGS>;

/** How often the agent looks whether the node can serve. */
const LOOK_MS = 1_000;
/** How often what earlier commands left is finished; the first time right at the start. */
const SWEEP_MS = 30_000;

/** Starts the agent; answers why the node cannot serve at present, for the readiness probe. */
export async function startAgent(
  settings: AgentSettings,
  context: { readonly log: Logger; readonly registry: Registry; readonly lifecycle: Lifecycle },
): Promise<() => string | undefined> {
  const { log, registry, lifecycle } = context;
  const deps = await agentDeps(settings, log, lifecycle.signal);
  const unready = async (): Promise<string | undefined> => deps.pods.unready() ?? (await deps.vrouter.unready());
  const durations = histogram(registry, 'cni_duration', 'Duration of CNI commands by outcome', [
    'command',
    'code',
  ] as const);
  const serving = join(dirname(settings.socket), SERVING_FILE);
  const overdue = async (): Promise<string | undefined> => (servedRecently(serving) ? undefined : await unready());
  await installPlugin(settings, log);
  const server = await serveCni(settings.socket, createCommands({ agent: deps, durations, unready: overdue }));
  lifecycle.onClose('commands under way', async () => {
    await deps.locks.idle();
    deps.netlink.close();
  });
  lifecycle.onClose('plugin socket', () => new Promise<void>((resolve) => server.close(() => resolve())));
  void every(SWEEP_MS, lifecycle.signal, log, async () => await sweep(settings.releaseDir, deps));
  const chain = await chainOn(settings.cniBinDir, settings.chainedPlugins);
  if (chain.missing.length > 0)
    log.warn({ missing: chain.missing }, 'plugins of the chain are not on this node: it goes without them');
  return keepServing(settings, { log, signal: lifecycle.signal, unready, serving, chain });
}

async function agentDeps(settings: AgentSettings, log: Logger, signal: AbortSignal): Promise<AgentDeps> {
  const client = createKubeClient({ kubeconfig: settings.kubeconfig, apiServer: settings.kubernetesApi });
  const names = createNames({ cluster: settings.clusterName, domain: settings.domain });
  return {
    pods: createPodSource({ client, node: settings.node, createReflector, signal, log }),
    vrouter: createVRouter(settings.vrouter),
    netlink: createNetlink(),
    journal: await openJournal(settings.stateDir),
    locks: createLocks(),
    log,
    vmName: (namespace, pod) => fqNameText(names.virtualMachine(namespace, pod)),
    hasDevice: (name) => existsSync(`/sys/class/net/${name}`),
    oneByOne: settings.metaPlugin === 'multus',
    podMtu: createPodMtu(settings.podMtu, settings.nodeIp),
    portTimeoutMs: settings.portTimeout * 1000,
    vrouterTimeoutMs: settings.vrouterTimeout * 1000,
  };
}

async function installPlugin(settings: AgentSettings, log: Logger): Promise<void> {
  if (settings.cniBinDir === '' || !existsSync(settings.pluginFile)) return;
  const path = join(settings.cniBinDir, PLUGIN_NAME);
  if (await installFile(path, await readFile(settings.pluginFile), 0o755)) log.info({ path }, 'plugin installed');
}

/** Keeps the CNI configuration in step with what the node can do. It stays when the agent stops: the data plane lives on. */
function keepServing(
  settings: AgentSettings,
  context: {
    readonly log: Logger;
    readonly signal: AbortSignal;
    readonly unready: () => Promise<string | undefined>;
    readonly serving: string;
    readonly chain: Chain;
  },
): () => string | undefined {
  const { log, signal, chain } = context;
  const keeper = {
    path: join(settings.cniConfDir, CONFLIST_NAME),
    text: conflistText({ ...settings, chain, sysctls: settings.podSysctls }),
    graceMs: settings.conflistGrace * 1000,
  };
  let current: string | undefined = 'starting';
  let state: ConflistState = { since: undefined };
  void every(LOOK_MS, signal, log, async () => {
    const before = current;
    current = await context.unready();
    if (current !== before)
      log.info({ reason: current }, current === undefined ? 'the node can serve' : 'the node cannot serve');
    if (current === undefined) await writeFile(context.serving, '');
    if (settings.cniConfDir === '') return;
    const outcome = await keepConflist(keeper, { unready: current, now: performance.now(), state });
    state = outcome.state;
    if (outcome.did !== 'nothing') log.info({ path: keeper.path, did: outcome.did }, 'CNI configuration changed');
  });
  return () => current;
}

function servedRecently(file: string): boolean {
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat !== undefined && Date.now() - stat.mtimeMs < SERVING_GRACE_MS;
}

async function every(periodMs: number, signal: AbortSignal, log: Logger, work: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    try {
      await work();
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'periodic work failed');
    }
    await sleep(periodMs, undefined, { signal }).catch(() => undefined);
  }
}
