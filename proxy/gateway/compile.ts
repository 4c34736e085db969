/** Gateways and their routes as ports, tables and back ends, and what is to be said of each of them. Pure. */
import type { SlimGateway } from '../../kubernetes/gateway.ts';
import type { ParentLink, SlimRoute } from '../../kubernetes/gateway-route.ts';
import type { Labels } from '../../kubernetes/selector.ts';
import type { Backend, Certificate, Entrance, Problem } from '../model.ts';
import { attach, type Attachment, isParent, type ParentVerdict } from './attach.ts';
import { CLOSING, type Destination, destinationOf, type DestinationView } from './destinations.ts';
import { judgeListeners, isServed, type ListenerState, type ListenerView } from './listeners.ts';
import { httpRouting } from './routing.ts';
import { servedInstead, tcpChoices, tlsServers } from './streams.ts';
import { unsupportedBy } from './unsupported.ts';

export interface GatewayView extends ListenerView, DestinationView {
  readonly labelsOf: (namespace: string) => Labels;
  /** The port that HAProxy listens at for a Gateway's; nothing before it has been reserved. */
  readonly insideOf: (gateway: SlimGateway, port: number) => number | undefined;
  /** Ports of this node that other programs have. */
  readonly foreign: ReadonlySet<number>;
}

/** What is to be said of a listener. */
export interface ListenerOutcome extends ListenerState {
  readonly routes: number;
  readonly isBound: boolean;
  /** The port that HAProxy was to listen at for it, where another program has it. */
  readonly foreign?: number;
}

/** What is to be said of a Gateway. */
export interface GatewayOutcome {
  readonly gateway: SlimGateway;
  readonly listeners: readonly ListenerOutcome[];
}

/** What is to be said of a route, to each parent of ours. */
export interface RouteOutcome {
  readonly route: SlimRoute;
  readonly verdicts: readonly {
    readonly parent: ParentLink;
    readonly refused?: Problem;
    readonly unresolved?: Problem;
    /** Who is served in its place. */
    readonly instead?: SlimRoute;
  }[];
}

export interface CompiledGateways {
  readonly entrances: readonly Entrance[];
  readonly backends: readonly Backend[];
  readonly gateways: readonly GatewayOutcome[];
  readonly routes: readonly RouteOutcome[];
}

/** Compiles the Gateways of ours with all routes there are. */
export function compileGateways(
  gateways: readonly SlimGateway[],
  routes: readonly SlimRoute[],
  view: GatewayView,
): CompiledGateways {
  const destinations = new Map<string, Destination>();
  const destination = (route: SlimRoute, index: number): Destination => {
    const key = `${route.kind} ${route.uid} ${index}`;
    const known = destinations.get(key) ?? destinationOf(route, index, view);
    destinations.set(key, known);
    return known;
  };
  const compiled = gateways.map((gateway) => {
    const states = judgeListeners(gateway, view);
    const judged = routes.flatMap((route) => verdictsOf(route, { gateway, states, labelsOf: view.labelsOf }));
    const attachments = judged.flatMap(({ verdict }) => verdict.attachments);
    const verdicts = judged.map((each) => ({ ...each, instead: servedInstead(each.verdict.attachments, attachments) }));
    const entrances = entrancesOf({ gateway, states, attachments, destination }, view);
    return { gateway, states, verdicts, attachments, entrances };
  });
  return {
    entrances: compiled.flatMap(({ entrances }) => entrances),
    gateways: compiled.map(({ gateway, states, attachments, entrances }) => ({
      gateway,
      listeners: states.map((state) => ({
        ...state,
        routes: new Set(attachments.filter((each) => each.state === state).map(({ route }) => route)).size,
        isBound: isServed(state) && entrances.some(({ port }) => port === state.listener.port),
        ...foreignOf(gateway, state, view),
      })),
    })),
    routes: outcomes(
      compiled.flatMap(({ verdicts }) => verdicts),
      destination,
    ),
    backends: [CLOSING, ...[...destinations.values()].flatMap(({ backends }) => backends)],
  };
}

function foreignOf(
  gateway: SlimGateway,
  { listener }: ListenerState,
  { insideOf, foreign }: GatewayView,
): Pick<ListenerOutcome, 'foreign'> {
  const inside = insideOf(gateway, listener.port);
  return inside !== undefined && foreign.has(inside) ? { foreign: inside } : {};
}

function verdictsOf(route: SlimRoute, view: Parameters<typeof attach>[2]) {
  const unsupported = unsupportedBy(route);
  return route.parents
    .filter((parent) => isParent(parent, view.gateway))
    .map((parent) => {
      const verdict = attach(route, parent, view);
      if (unsupported === undefined || verdict.refused !== undefined) return { route, verdict };
      return { route, verdict: { parent, attachments: [], refused: unsupported } };
    });
}

interface Judged {
  readonly route: SlimRoute;
  readonly verdict: ParentVerdict;
  readonly instead: SlimRoute | undefined;
}

function outcomes(
  verdicts: readonly Judged[],
  destination: (route: SlimRoute, index: number) => Destination,
): readonly RouteOutcome[] {
  const byRoute = Map.groupBy(verdicts, ({ route }) => route);
  return [...byRoute].map(([route, own]) => {
    const [unresolved] = route.rules.flatMap((_rule, index) => destination(route, index).problems);
    return {
      route,
      verdicts: own.map(({ verdict: { parent, refused }, instead }) => ({
        parent,
        ...(refused === undefined ? {} : { refused }),
        ...(instead === undefined ? {} : { instead }),
        ...(unresolved === undefined ? {} : { unresolved }),
      })),
    };
  });
}

interface Ports {
  readonly gateway: SlimGateway;
  readonly states: readonly ListenerState[];
  readonly attachments: readonly Attachment[];
  readonly destination: (route: SlimRoute, index: number) => Destination;
}

function entrancesOf(ports: Ports, view: GatewayView): readonly Entrance[] {
  const served = Map.groupBy(ports.states.filter(isServed), ({ listener }) => listener.port);
  return [...served].flatMap(([port, states]) => {
    const inside = view.insideOf(ports.gateway, port);
    return inside === undefined || view.foreign.has(inside) ? [] : [entrance({ ...ports, states }, port, inside)];
  });
}

function entrance(ports: Ports, port: number, inside: number): Entrance {
  const { gateway, states } = ports;
  const place = { name: `gw:${gateway.namespace}:${gateway.name}:${port}`, port, inside };
  const ofHttp = states.filter(({ listener }) => listener.protocol.startsWith('HTTP'));
  // The port inside is unique among all entrances.
  const routing = () => httpRouting({ ...ports, states: ofHttp, prefix: `${inside}-` });
  const [
    {
      listener: { protocol },
    } = { listener: { protocol: 'TCP' } },
  ] = states;
  switch (protocol) {
    case 'HTTP':
      return { ...place, kind: 'http', routing: routing() };
    case 'TCP':
      return { ...place, kind: 'tcp', choices: tcpChoices(ports) };
    default: {
      const http = { routing: routing(), certificates: certificatesOf(ofHttp) };
      return { ...place, kind: 'tls', servers: tlsServers(ports), ...(ofHttp.length === 0 ? {} : { http }) };
    }
  }
}

/** Each Secret once, for the hostnames of all listeners that name it. */
function certificatesOf(states: readonly ListenerState[]): readonly Certificate[] {
  const all = states.flatMap(({ listener, certificates }) =>
    certificates.map(({ name, pem }) => ({ name, pem, host: listener.hostname === '' ? '*' : listener.hostname })),
  );
  return [...Map.groupBy(all, ({ name }) => name)].map(([name, own]) => ({
    name,
    pem: own[0]?.pem ?? '',
    hosts: [...new Set(own.map(({ host }) => host))],
  }));
}
