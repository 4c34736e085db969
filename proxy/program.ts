/** The proxy as a whole: watches that wake rounds, and a HAProxy that is kept at what they yield. */
import { hostname } from 'node:os';
import { createCacheMetrics } from '../kubernetes/cache-metrics.ts';
import { createKubeClient } from '../kubernetes/client.ts';
import { ingressesOfOurs } from '../kubernetes/ingress.ts';
import { serveHealth } from '../runtime/health.ts';
import type { Lifecycle } from '../runtime/lifecycle.ts';
import type { Logger } from '../runtime/log.ts';
import { counter, createRegistry } from '../runtime/metrics.ts';
import { addressesOf } from './addresses.ts';
import type { CompiledGateways } from './gateway/compile.ts';
import { createGatewayRound } from './gateway/round.ts';
import { createKeeper } from './haproxy/keeper.ts';
import { createPortGuard } from './haproxy/port-guard.ts';
import { secretsOf } from './ingress/certificates.ts';
import { compileIngresses } from './ingress/compile.ts';
import { createTeller } from './ingress/status.ts';
import type { ProxyModel } from './model.ts';
import { createRounds } from './rounds.ts';
import { createSecretStore } from './secrets.ts';
import type { ProxySettings } from './settings.ts';
import { watchProxied } from './watch.ts';

/** Starts everything; resolves when what there is is served. */
export async function startProxy(settings: ProxySettings, log: Logger, lifecycle: Lifecycle): Promise<void> {
  const { signal } = lifecycle;
  const kube = createKubeClient({ kubeconfig: settings.kubeconfig, apiServer: settings.kubernetesApi });
  const registry = createRegistry();
  const rounds = createRounds({ signal, log });
  const { wake: onChange } = rounds;
  const keeper = createKeeper(placeOf(settings), { log, onEnd: () => endWithHaproxy(signal, log) });
  lifecycle.onClose('haproxy', keeper.stop);
  const view = watchProxied({ client: kube, signal, log, metrics: createCacheMetrics(registry), onChange });
  const secrets = createSecretStore({ kube, intervalMs: settings.secretInterval * 1000, onChange, signal, log });
  let isServing = false;
  const health = await serveHealth(settings.listen, {
    checks: [{ name: 'haproxy', unready: () => (isServing ? undefined : 'serves nothing yet') }],
    registry,
  });
  lifecycle.onClose('health', () => void health.close());
  await view.whenSynced();
  const teller = createTeller(kube, { host: hostname(), log });
  const outcomes = counter(registry, 'proxy_rounds', 'rounds by what they did to HAProxy', ['outcome']);
  const guard = createPortGuard();
  const gateways = createGatewayRound({ kube, view, settings, log });
  await rounds.start(async () => {
    const ingresses = ingressesOfOurs(view.ingresses.list(), view.classes.list());
    secrets.follow(new Set([...secretsOf(ingresses), ...gateways.secrets()]));
    const { model, problems } = compileIngresses(ingresses, { ...view, secrets: secrets.get });
    const foreign = await guard.takenOf(gateways.ports());
    const compiled = gateways.compile(secrets.get, foreign);
    const outcome = await keeper.serve(joined(model, compiled));
    guard.hold(compiled.entrances.map(({ inside }) => inside));
    outcomes.inc({ outcome });
    log.debug({ outcome, backends: model.backends.length, entrances: compiled.entrances.length }, 'round');
    await teller.problems(ingresses, problems);
    await teller.addresses(ingresses, addressesOf(settings, view));
    await gateways.tell(compiled, foreign);
  });
  isServing = true;
  log.info({ http: settings.httpPort, https: settings.httpsPort }, 'serving');
}

/** A back end of both is the same. */
function joined(model: Omit<ProxyModel, 'entrances'>, { entrances, backends }: CompiledGateways): ProxyModel {
  const all = [...model.backends, ...backends];
  return { ...model, entrances, backends: [...new Map(all.map((each) => [each.name, each])).values()] };
}

function placeOf({ folder, httpPort, httpsPort, drain }: ProxySettings) {
  return { folder, httpPort, httpsPort, drainSeconds: Math.ceil(drain) };
}

/** Without HAProxy there is nothing to keep: whoever restarts us starts both. */
function endWithHaproxy(signal: AbortSignal, log: Logger): void {
  if (signal.aborted) return;
  log.error('HAProxy has ended by itself');
  process.exit(1);
}
