/** HTTPRoutes of a port as tables: who is sent where by host, path, and the rest of a request. Pure. */
import { byAge, type SlimGateway } from '../../kubernetes/gateway.ts';
import type { HttpMatch, SlimRoute } from '../../kubernetes/gateway-route.ts';
import type { Choice, HttpRouting, RequestCondition } from '../model.ts';
import type { Attachment } from './attach.ts';
import { choicesOf, type Destination } from './destinations.ts';
import { bySpecificity, covers } from './hostnames.ts';
import type { ListenerState } from './listeners.ts';

export interface RoutingInput {
  readonly gateway: SlimGateway;
  /** The port's listeners for HTTP that are served. */
  readonly states: readonly ListenerState[];
  readonly attachments: readonly Attachment[];
  /** Of a route's rule, by its index. */
  readonly destination: (route: SlimRoute, index: number) => Destination;
  /** Tells groups and places of different ports apart. */
  readonly prefix: string;
}

/** One match of one rule, for one host. */
interface Candidate {
  readonly host: string;
  readonly route: SlimRoute;
  /** The rule's, and within it the match's. */
  readonly order: readonly [number, number];
  readonly match: HttpMatch;
  readonly choices: readonly Choice[];
}

/** The tables. Hosts of routes and of listeners are looked up; rules of another listener than a host's own never count. */
export function httpRouting(input: RoutingInput): HttpRouting {
  const candidates = input.states.map((state) => ({ state, own: candidatesOf(state, input) }));
  const names = candidates.flatMap(({ state, own }) => [state.listener.hostname, ...own.map(({ host }) => host)]);
  const exact = new Map<string, string>();
  const prefixes = new Map<string, string>();
  const places = new Map<string, readonly Choice[]>();
  const hosts = [...new Set(names)].sort(bySpecificity).map((host, index) => {
    const group = `${input.prefix}${index}`;
    const [owner] = candidates
      .filter(({ state }) => covers(state.listener.hostname, host))
      .sort((a, b) => bySpecificity(a.state.listener.hostname, b.state.listener.hostname));
    const own = (owner?.own ?? []).filter((candidate) => covers(candidate.host, host)).sort(byPrecedence);
    const put = (table: Map<string, string>, key: string, choices: readonly Choice[]): void => {
      const [first] = choices;
      if (first !== undefined && choices.length === 1 && first.conditions.length === 0) {
        table.set(group + key, first.backend);
        return;
      }
      const place = `@${group}.${places.size}`;
      places.set(place, choices);
      table.set(group + key, place);
    };
    for (const path of pathsOf(own, 'Exact'))
      put(
        exact,
        path,
        choicesAt(own, (match) => isAt(match, path)),
      );
    for (const path of pathsOf(own, 'PathPrefix')) {
      put(
        prefixes,
        `${path}/`,
        choicesAt(own, (match) => isUnder(match, path)),
      );
    }
    return { host, group };
  });
  return { hosts, paths: { exact, prefixes }, places };
}

function candidatesOf(state: ListenerState, { attachments, destination }: RoutingInput): readonly Candidate[] {
  return attachments
    .filter((attachment) => attachment.state === state)
    .flatMap(({ route, hostnames }) =>
      route.rules.flatMap((rule, index) => {
        const leadsTo = destination(route, index);
        return rule.matches.flatMap((match, at) => {
          const choices = choicesOf(leadsTo, conditionsOf(match));
          return hostnames.map((host) => ({ host, route, order: [index, at] as const, match, choices }));
        });
      }),
    );
}

/** HTTPRoute, `matches`: "Proxy or Load Balancer routing configuration … MUST prioritize matches". */
function byPrecedence(a: Candidate, b: Candidate): number {
  return (
    bySpecificity(a.host, b.host) ||
    Number(b.match.pathType === 'Exact') - Number(a.match.pathType === 'Exact') ||
    b.match.path.length - a.match.path.length ||
    Number(b.match.method !== undefined) - Number(a.match.method !== undefined) ||
    b.match.headers.length - a.match.headers.length ||
    b.match.query.length - a.match.query.length ||
    byAge(a.route, b.route) ||
    a.order[0] - b.order[0] ||
    a.order[1] - b.order[1]
  );
}

/** What may be taken, up to the first that is taken whatever the request says. */
function choicesAt(sorted: readonly Candidate[], isMeant: (match: HttpMatch) => boolean): readonly Choice[] {
  const meant = sorted.filter(({ match }) => isMeant(match));
  const last = meant.findIndex(({ match }) => conditionsOf(match).length === 0);
  return (last === -1 ? meant : meant.slice(0, last + 1)).flatMap(({ choices }) => choices);
}

function pathsOf(candidates: readonly Candidate[], type: 'Exact' | 'PathPrefix'): ReadonlySet<string> {
  const found = candidates.filter(({ match }) => match.pathType === type);
  return new Set(found.map(({ match: { path } }) => (type === 'Exact' ? path : bare(path))));
}

function isAt(match: HttpMatch, path: string): boolean {
  return match.pathType === 'Exact' ? match.path === path : isUnder(match, path);
}

/** A prefix matches whole elements, whether it ends in a slash or not. */
function isUnder({ pathType, path: prefix }: HttpMatch, path: string): boolean {
  return pathType === 'PathPrefix' && (path === bare(prefix) || path.startsWith(`${bare(prefix)}/`));
}

function bare(path: string): string {
  return path.replace(/\/+$/, '');
}

/** Of a header that a match names twice the first counts (HTTPHeaderMatch, `name`). */
function conditionsOf({ method, headers, query }: HttpMatch): readonly RequestCondition[] {
  return [
    ...(method === undefined ? [] : [{ is: 'method', method } as const]),
    ...firstsBy(headers, (name) => name.toLowerCase()).map(
      ({ name, value }) => ({ is: 'header', name, value }) as const,
    ),
    ...firstsBy(query, (name) => name).map(({ name, value }) => ({ is: 'query', name, value }) as const),
  ];
}

function firstsBy(list: HttpMatch['headers'], key: (name: string) => string): HttpMatch['headers'] {
  return list.filter(({ name }, index) => list.findIndex((other) => key(other.name) === key(name)) === index);
}
