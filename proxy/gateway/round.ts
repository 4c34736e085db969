/** The Gateways' part of a round: what is read, compiled, written and told. */
import type { KubeClient } from '../../kubernetes/client.ts';
import { gatewaysOfOurs, isOurs, type SlimGateway } from '../../kubernetes/gateway.ts';
import { ROUTES } from '../../kubernetes/gateway-route.ts';
import type { Logger } from '../../runtime/log.ts';
import type { SecretContent } from '../certificate-secret.ts';
import type { ProxySettings } from '../settings.ts';
import type { ProxyView } from '../watch.ts';
import { type CompiledGateways, compileGateways } from './compile.ts';
import { secretsOfGateways } from './listeners.ts';
import { writeServices } from './service-writer.ts';
import { GATEWAY_LABEL, planServices, serviceName } from './services.ts';
import { classStatus, gatewayStatus, namesUs, routeStatus } from './statuses.ts';
import { tell, type Told } from './teller.ts';

export interface GatewayRound {
  /** The Secrets (`namespace/name`) that Gateways of ours name. */
  readonly secrets: () => ReadonlySet<string>;
  /** The ports of this node that HAProxy is to listen at for Gateways. */
  readonly ports: () => readonly number[];
  /** What there is to serve; not by ports that are somebody else's. */
  readonly compile: (secrets: (name: string) => SecretContent | undefined, foreign: ForeignPorts) => CompiledGateways;
  /** Once it is served: writes the Services of Gateways, and all statuses. */
  readonly tell: (compiled: CompiledGateways, foreign: ForeignPorts) => Promise<void>;
}

type ForeignPorts = ReadonlySet<number>;

export interface GatewayRoundDeps {
  readonly kube: KubeClient;
  readonly view: ProxyView;
  readonly settings: Pick<ProxySettings, 'namespace' | 'service' | 'gatewayPorts'>;
  readonly log: Logger;
}

export function createGatewayRound(deps: GatewayRoundDeps): GatewayRound {
  const { view, kube, log } = deps;
  const { namespace } = deps.settings;
  const ours = () => gatewaysOfOurs(view.gateway.gateways(), view.gateway.classes());
  const serviceOf = (gateway: SlimGateway) => view.service(namespace, serviceName(gateway));
  return {
    secrets: () => secretsOfGateways(ours(), view.gateway.grants()),
    ports: () => ours().flatMap((gateway) => (serviceOf(gateway)?.targets ?? []).map(({ targetPort }) => targetPort)),
    compile: (secrets, foreign) =>
      compileGateways(ours(), view.gateway.routes(), {
        ...view,
        grants: view.gateway.grants(),
        labelsOf: view.gateway.labelsOf,
        secrets,
        foreign,
        insideOf: (gateway, port) => serviceOf(gateway)?.targets.find((each) => each.port === port)?.targetPort,
      }),
    tell: async (compiled, foreign) => {
      await keepServices(ours(), foreign, deps);
      const classes = view.gateway.classes().filter(isOurs);
      const gateways = compiled.gateways.filter(({ listeners }) => !listeners.some(({ isPending }) => isPending));
      const told: readonly Told[] = [
        ...classes.map((object) => ({ plural: 'gatewayclasses', object, status: classStatus(object) })),
        ...gateways.map((outcome) => ({
          plural: 'gateways',
          object: outcome.gateway,
          status: gatewayStatus(outcome, serviceOf(outcome.gateway)?.external ?? []),
        })),
        ...[...compiled.routes, ...leftRoutes(compiled, view)].map((outcome) => ({
          plural: ROUTES[outcome.route.kind],
          object: outcome.route,
          status: routeStatus(outcome),
        })),
      ];
      await tell(told, { kube, log, now: () => new Date() });
    },
  };
}

/** Routes that were ours: their statuses name us no more. */
function leftRoutes({ routes }: CompiledGateways, view: ProxyView) {
  const ours = new Set(routes.map(({ route }) => route));
  const left = view.gateway.routes().filter((route) => namesUs(route) && !ours.has(route));
  return left.map((route) => ({ route, verdicts: [] }));
}

async function keepServices(
  gateways: readonly SlimGateway[],
  foreign: ForeignPorts,
  { kube, view, settings, log }: GatewayRoundDeps,
) {
  const { namespace, service, gatewayPorts } = settings;
  const made = view.services().filter((each) => each.namespace === namespace && GATEWAY_LABEL in each.labels);
  if (gateways.length === 0 && made.length === 0) return;
  const own = view.service(namespace, service);
  if (own === undefined) {
    log.warn({ namespace, service }, 'Gateways are not reachable: the Service of the proxies does not exist');
    return;
  }
  const plan = planServices(gateways, made, { range: gatewayPorts, foreign });
  if (foreign.size > 0)
    log.warn({ ports: [...foreign] }, 'ports for Gateways are taken by other programs of this node');
  for (const { namespace, name } of plan.without) log.warn({ namespace, name }, 'no port is left for a Gateway');
  await writeServices(plan, { kube, namespace, service: view.service, own });
}
