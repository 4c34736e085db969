/** Filters of an HTTPRoute as what is done to a request. Pure. */
import type { HeaderModifier, HttpFilter, HttpMatch, PathModifier } from '../../kubernetes/gateway-route.ts';
import type { Step } from '../model.ts';

/** The steps of a rule's filters, in their order; a redirect comes last, since it is the answer. */
export function stepsOf(filters: readonly HttpFilter[], matches: readonly HttpMatch[]): readonly Step[] {
  const steps = filters.flatMap((filter) => stepsFor(filter, matches[0]?.path ?? '/'));
  return [...steps.filter(({ step }) => step !== 'redirect'), ...steps.filter(({ step }) => step === 'redirect')];
}

/** Milliseconds of a duration in the API's form (GEP-2257): `1h2m3s4ms`. Zero is no limit. */
export function durationMs(text: string): number | undefined {
  const units: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
  const parts = [...text.matchAll(/(\d+)(h|ms|m|s)/g)].map(
    ([, count, unit]) => Number(count) * (units[unit ?? ''] ?? 0),
  );
  const total = parts.reduce((sum, part) => sum + part, 0);
  return total === 0 ? undefined : total;
}

function stepsFor(filter: HttpFilter, prefix: string): readonly Step[] {
  const { requestHeaderModifier, responseHeaderModifier, requestRedirect, urlRewrite } = filter;
  if (requestRedirect !== undefined) {
    const { statusCode: status = 302, path, ...to } = requestRedirect;
    return [...pathSteps(path, prefix), { step: 'redirect', status, to }];
  }
  const host = urlRewrite?.hostname;
  return [
    ...headerSteps(requestHeaderModifier, 'request'),
    ...headerSteps(responseHeaderModifier, 'response'),
    ...(host === undefined ? [] : [{ step: 'set', of: 'request', name: 'Host', value: host } as const]),
    ...pathSteps(urlRewrite?.path, prefix),
  ];
}

function headerSteps({ set = [], add = [], remove = [] }: HeaderModifier = {}, of: 'request' | 'response'): Step[] {
  return [
    ...set.map((header) => ({ step: 'set', of, ...header }) as const),
    ...add.map((header) => ({ step: 'add', of, ...header }) as const),
    ...remove.map((name) => ({ step: 'remove', of, name }) as const),
  ];
}

function pathSteps(path: PathModifier | undefined, prefix: string): readonly Step[] {
  if (path?.replaceFullPath !== undefined) return [{ step: 'path', path: path.replaceFullPath }];
  if (path?.replacePrefixMatch === undefined) return [];
  return [{ step: 'prefix', prefix: bare(prefix), replacement: bare(path.replacePrefixMatch) }];
}

function bare(path: string): string {
  return path.replace(/\/+$/, '');
}
