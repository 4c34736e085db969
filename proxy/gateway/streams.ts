/** TLSRoutes and TCPRoutes of a port: who is sent where by the name that a client asks for, or by the port alone. Pure. */
import { byAge } from '../../kubernetes/gateway.ts';
import type { SlimRoute } from '../../kubernetes/gateway-route.ts';
import type { Choice, Entrance } from '../model.ts';
import type { Attachment } from './attach.ts';
import { choicesOf, CLOSING, type Destination } from './destinations.ts';
import { bySpecificity, covers } from './hostnames.ts';
import type { ListenerState } from './listeners.ts';

export interface StreamInput {
  /** The port's listeners that are served. */
  readonly states: readonly ListenerState[];
  readonly attachments: readonly Attachment[];
  readonly destination: (route: SlimRoute, index: number) => Destination;
}

type TlsServers = Extract<Entrance, { readonly kind: 'tls' }>['servers'];

/** Names of a port that HTTPS and TLS listeners may share: the most specific listener's routes count, of these the oldest. */
export function tlsServers({ states, attachments, destination }: StreamInput): TlsServers {
  const own = attachments.filter(({ state, route }) => states.includes(state) && route.kind === 'TLSRoute');
  const names = [...states.map(({ listener }) => listener.hostname), ...own.flatMap(({ hostnames }) => hostnames)];
  return [...new Set(names)].sort(bySpecificity).map((host) => {
    const [owner] = states
      .filter(({ listener }) => covers(listener.hostname, host))
      .sort((a, b) => bySpecificity(a.listener.hostname, b.listener.hostname));
    if (owner?.listener.protocol === 'HTTPS') return { host, choices: 'http' };
    const routes = own.filter(
      ({ state, hostnames }) => state === owner && hostnames.some((each) => covers(each, host)),
    );
    return { host, choices: choicesFor(routes, host, destination) };
  });
}

/** The oldest route has the port: bytes say nothing by which others could be told apart. */
export function tcpChoices({ states, attachments, destination }: StreamInput): readonly Choice[] {
  const own = attachments.filter(({ state, route }) => states.includes(state) && route.kind === 'TCPRoute');
  return choicesFor(own, '', destination);
}

/** The older TCPRoute that is served in a TCPRoute's place, wherever that is attached; `undefined` where it is served itself. */
export function servedInstead(own: readonly Attachment[], all: readonly Attachment[]): SlimRoute | undefined {
  const tcp = own.filter(({ route }) => route.kind === 'TCPRoute');
  const elders = tcp.flatMap(({ route, state }) => {
    const rivals = all.filter((each) => each.state === state && each.route.kind === 'TCPRoute');
    const [oldest] = rivals.map((each) => each.route).sort(byAge);
    return oldest === undefined || oldest === route ? [] : [oldest];
  });
  return elders.length === own.length ? elders[0] : undefined;
}

function choicesFor(
  attachments: readonly Attachment[],
  host: string,
  destination: StreamInput['destination'],
): readonly Choice[] {
  const nearest = ({ hostnames }: Attachment): string =>
    hostnames.filter((each) => covers(each, host)).sort(bySpecificity)[0] ?? '';
  const [first] = [...attachments].sort((a, b) => bySpecificity(nearest(a), nearest(b)) || byAge(a.route, b.route));
  return first === undefined ? [{ conditions: [], backend: CLOSING.name }] : choicesOf(destination(first.route, 0));
}
