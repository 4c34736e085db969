/** Where a rule leads: back ends with their shares, and what it names that cannot be had. Pure. */
import { GATEWAY_GROUP, isGranted, type SlimReferenceGrant } from '../../kubernetes/gateway.ts';
import type { BackendLink, RouteRule, SlimRoute } from '../../kubernetes/gateway-route.ts';
import { resolveBackend, type ServiceView } from '../backends.ts';
import { type Backend, type Choice, DRAWN_BELOW, type Problem, type RequestCondition, type Step } from '../model.ts';
import { durationMs, stepsOf } from './steps.ts';

export interface DestinationView extends ServiceView {
  readonly grants: readonly SlimReferenceGrant[];
}

export interface Destination {
  readonly backends: readonly Backend[];
  /** By the share of requests; never empty. */
  readonly shares: readonly { readonly backend: string; readonly weight: number }[];
  readonly problems: readonly Problem[];
}

/** Answers requests whose back end is no Service that may be used (HTTPRoute, `backendRefs`). */
const REFUSING: Backend = { name: 'refuse', servers: [], steps: [{ step: 'refuse', status: 500 }] };
/** Ends connections that lead nowhere. */
export const CLOSING: Backend = { name: 'close', servers: [], isRaw: true };

/** The destination of a route's rule, by its index. */
export function destinationOf(route: SlimRoute, index: number, view: DestinationView): Destination {
  const rule = route.rules[index] ?? { matches: [], filters: [], backends: [], timeouts: [] };
  const isRaw = route.kind !== 'HTTPRoute';
  const steps = stepsOf(rule.filters, rule.matches);
  const own = `r:${route.namespace}:${route.name}:${index}`;
  if (steps.at(-1)?.step === 'redirect') {
    return { backends: [{ name: own, servers: [], steps }], shares: [{ backend: own, weight: 1 }], problems: [] };
  }
  const found = rule.backends.map((link, at) => {
    const problem = permission(route, link, view.grants);
    if (problem !== undefined) return { link, problem, backend: undefined };
    const resolved = resolveBackend({ namespace: link.namespace, service: link.name, port: link.port ?? 0 }, view);
    if (resolved.kind === 'problem') {
      return { link, problem: { ...resolved.problem, reason: 'BackendNotFound' }, backend: undefined };
    }
    const treatment = treatmentOf(rule, [...steps, ...stepsOf(link.filters, rule.matches)]);
    const isPlain = treatment.steps === undefined && treatment.timeoutMs === undefined;
    const service = `${link.namespace}:${link.name}:${link.port}`;
    const name = isRaw ? `tcp:${service}` : isPlain ? service : `${own}:${at}`;
    const backend: Backend = { name, ...resolved.pool, ...(isRaw ? { isRaw } : treatment) };
    return { link, problem: undefined, backend };
  });
  const refusing = isRaw ? CLOSING : REFUSING;
  const shares = found
    .map(({ link, backend = refusing }) => ({ backend: backend.name, weight: link.weight }))
    .filter(({ weight }) => weight > 0);
  return {
    backends: [refusing, ...found.flatMap(({ backend }) => backend ?? [])],
    shares: shares.length === 0 ? [{ backend: refusing.name, weight: 1 }] : shares,
    problems: found.flatMap(({ problem }) => problem ?? []),
  };
}

/** The choices that lead to a destination under conditions, by the number that is drawn. */
export function choicesOf({ shares }: Destination, conditions: readonly RequestCondition[] = []): readonly Choice[] {
  const total = shares.reduce((sum, { weight }) => sum + weight, 0);
  let reached = 0;
  return shares.map(({ backend, weight }, index) => {
    reached += weight;
    if (index === shares.length - 1) return { conditions, backend };
    return { conditions, below: Math.round((reached / total) * DRAWN_BELOW), backend };
  });
}

function treatmentOf({ timeouts }: RouteRule, steps: readonly Step[]): Pick<Backend, 'steps' | 'timeoutMs'> {
  const limits = timeouts.flatMap((text) => durationMs(text) ?? []);
  return {
    ...(steps.length === 0 ? {} : { steps }),
    ...(limits.length === 0 ? {} : { timeoutMs: Math.min(...limits) }),
  };
}

function permission(
  { kind, namespace }: SlimRoute,
  link: BackendLink,
  grants: readonly SlimReferenceGrant[],
): Problem | undefined {
  if (link.group !== '' || link.kind !== 'Service') {
    const message = `backendRefs: ${link.group}/${link.kind} "${link.name}" is no Service, and nothing else is served here`;
    return { reason: 'InvalidKind', message };
  }
  if (isGranted({ group: GATEWAY_GROUP, kind, namespace }, link, grants)) return undefined;
  const message = `no ReferenceGrant in namespace "${link.namespace}" lets ${kind}s of namespace "${namespace}" use Service "${link.name}"`;
  return { reason: 'RefNotPermitted', message };
}
