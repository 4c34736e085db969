/** The speaker as a whole: rounds from what there is to a BIRD that is kept at it, and to the status. */
import { setTimeout as sleep } from 'node:timers/promises';
import { BGP_ROUTERS, slimBgpRouter, type SlimBgpRouter } from '../kubernetes/bgp-router.ts';
import { createReflector, type Reflector } from '../kubernetes/cache.ts';
import { createKubeClient } from '../kubernetes/client.ts';
import { slimNode } from '../kubernetes/objects.ts';
import type { Labels } from '../kubernetes/selector.ts';
import { messageOf } from '../runtime/errors.ts';
import { serveHealth } from '../runtime/health.ts';
import type { Lifecycle } from '../runtime/lifecycle.ts';
import type { Logger } from '../runtime/log.ts';
import { createRegistry } from '../runtime/metrics.ts';
import { configText } from './bird/config.ts';
import { createKeeper, type Keeper } from './bird/keeper.ts';
import { compileSpeaker, selectingRouters } from './compile.ts';
import { readPasswords } from './passwords.ts';
import { readReachable } from './reachable.ts';
import { createReporter, type Reporter } from './report.ts';
import type { BgpSettings } from './settings.ts';
import { sessionsOf } from './status.ts';

interface Deps {
  readonly settings: BgpSettings;
  readonly routers: Reflector<SlimBgpRouter>;
  readonly labels: () => Labels;
  /** The node's address. */
  readonly address: () => string;
  readonly keeper: Keeper;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** Starts everything; resolves when the API server has told of routers and of this node. */
export async function startBgp(settings: BgpSettings, log: Logger, lifecycle: Lifecycle): Promise<void> {
  const { signal } = lifecycle;
  const { node } = settings;
  const client = createKubeClient({ kubeconfig: settings.kubeconfig, apiServer: settings.kubernetesApi });
  const keeper = createKeeper(settings.folder, { log, onEnd: () => endWithBird(signal, log) });
  const reflecting = { client, signal, log };
  const routers = createReflector({
    ...reflecting,
    path: BGP_ROUTERS,
    mayBeUnknown: true,
    project: slimBgpRouter,
  });
  // A pod is told its node's address once, and that may change; a node that says none for a moment still has it.
  let address = settings.nodeIp;
  const nodes = createReflector({
    ...reflecting,
    path: '/api/v1/nodes',
    query: { fieldSelector: `metadata.name=${node}` },
    project: slimNode,
    onChange: ({ kind, object }) => {
      if (kind === 'put') address = object.internalIPs[0] ?? address;
    },
  });
  let unready: string | undefined = 'no round yet';
  const health = await serveHealth(settings.listen, {
    checks: [{ name: 'bird', unready: () => unready }],
    registry: createRegistry(),
  });
  lifecycle.onClose('health', () => void health.close());
  await Promise.all([routers.whenSynced(), nodes.whenSynced()]);
  const labels = (): Labels => nodes.list()[0]?.labels ?? {};
  lifecycle.onClose('bird', async () => {
    const mine = selectingRouters(routers.list(), labels());
    await keeper.stop({ gracefully: mine.some((each) => each.gracefulRestartSeconds !== undefined) });
  });
  const reporter = createReporter(client, settings);
  const deps = { settings, routers, labels, address: () => address, keeper, reporter, signal, log };
  void roundsForEver(deps, (reason) => {
    if (reason !== undefined && reason !== unready) log.warn({ reason }, 'a round failed and is tried again');
    unready = reason;
  });
  log.info({ node }, 'speaking for this node');
}

async function roundsForEver(deps: Deps, onRound: (failure: string | undefined) => void): Promise<void> {
  const { signal, settings } = deps;
  while (!signal.aborted) {
    await round(deps).then(
      () => onRound(undefined),
      (error: unknown) => signal.aborted || onRound(messageOf(error)),
    );
    // Ends early when the program stops.
    await sleep(settings.interval * 1000, undefined, { signal }).catch(() => undefined);
  }
}

/** As long as the vRouter does not answer, what was announced stays: the kernel still serves it. */
async function round({ settings, routers, labels, address, keeper, reporter, signal, log }: Deps): Promise<void> {
  const { vrouter, passwordDir, podCidrs, serviceCidrs } = settings;
  const { floating, services, routers: routed, pods, subnets } = await readReachable(vrouter, signal);
  const all = routers.list();
  const { speaker, problems } = compileSpeaker(all, {
    address: address(),
    labels: labels(),
    served: { FloatingIPs: floating, LogicalRouters: routed, Pods: pods, Services: services },
    guarded: [...new Set([...podCidrs, ...serviceCidrs, ...subnets])],
    passwords: await readPasswords(passwordDir),
    passwordSecret: `${settings.namespace}/${settings.passwordSecret}`,
  });
  const outcome = await keeper.serve(configText(speaker));
  if (outcome !== 'unchanged') log.info({ outcome, sessions: speaker.sessions.length }, 'bird');
  const states = await keeper.sessions();
  const mine = new Set(selectingRouters(all, labels()));
  for (const router of all)
    await reporter.tell(
      router,
      mine.has(router) ? sessionsOf(router, { sessions: speaker.sessions, problems, states }) : undefined,
    );
}

/** Without BIRD there is nothing to keep: whoever restarts us starts both. */
function endWithBird(signal: AbortSignal, log: Logger): void {
  if (signal.aborted) return;
  log.error('BIRD has ended by itself');
  process.exit(1);
}
