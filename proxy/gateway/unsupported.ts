/** What of an HTTPRoute is not served here. Pure. */
import type {
  HeaderMatch,
  HeaderModifier,
  HttpFilter,
  HttpMatch,
  RouteRule,
  SlimRoute,
} from '../../kubernetes/gateway-route.ts';
import type { Problem } from '../model.ts';

/** What a route asks for that is not served here. It is refused as a whole: half of it would be another one. */
export function unsupportedBy({ kind, rules }: SlimRoute): Problem | undefined {
  if (kind !== 'HTTPRoute') return undefined;
  const [first] = rules.flatMap(complaints);
  return first === undefined ? undefined : { reason: 'UnsupportedValue', message: first };
}

const FILTERS = ['RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestRedirect', 'URLRewrite'];
/** A name of HAProxy's configuration language as it stands; others that the API admits mean something there. */
const PLAIN_NAME = /^[\w.-]+$/;

function complaints(rule: RouteRule): readonly string[] {
  const filters = [...rule.filters, ...rule.backends.flatMap((backend) => backend.filters)];
  return [...rule.matches.flatMap(matchComplaints), ...filters.flatMap(filterComplaints)];
}

function matchComplaints({ pathType, path, headers, query }: HttpMatch): readonly string[] {
  return [
    ...(pathType === 'Exact' || pathType === 'PathPrefix'
      ? []
      : [`path "${path}": type "${pathType}" is not served: choose Exact or PathPrefix`]),
    ...(/\s/.test(path) ? [`path ${JSON.stringify(path)} holds white space: write it percent-encoded`] : []),
    ...headers.flatMap((header) => pairComplaints('header', header)),
    ...query.flatMap((parameter) => pairComplaints('queryParam', parameter)),
  ];
}

function pairComplaints(kind: string, { type, name, value }: HeaderMatch): readonly string[] {
  return [
    ...(type === 'Exact' ? [] : [`${kind} "${name}": type "${type}" is not served: choose Exact`]),
    ...nameComplaints(kind, name),
    ...textComplaints(kind, value),
  ];
}

function filterComplaints({
  type,
  requestHeaderModifier,
  responseHeaderModifier,
  ...paths
}: HttpFilter): readonly string[] {
  if (!FILTERS.includes(type)) return [`filter ${type} is not served: there are ${FILTERS.join(', ')}`];
  const path = paths.urlRewrite?.path ?? paths.requestRedirect?.path;
  return [
    ...[requestHeaderModifier, responseHeaderModifier].flatMap(modifierComplaints),
    ...textComplaints('path', path?.replaceFullPath ?? path?.replacePrefixMatch ?? ''),
  ];
}

function modifierComplaints({ set = [], add = [], remove = [] }: HeaderModifier = {}): readonly string[] {
  return [
    ...[...set, ...add].flatMap(({ name, value }) => [
      ...nameComplaints('header', name),
      ...textComplaints('header', value),
    ]),
    ...remove.flatMap((name) => nameComplaints('header', name)),
  ];
}

function nameComplaints(kind: string, name: string): readonly string[] {
  return PLAIN_NAME.test(name) ? [] : [`${kind} name "${name}" is not served: use letters, digits, ".", "_" and "-"`];
}

/** A line of HAProxy's configuration ends where a line ends. */
function textComplaints(kind: string, text: string): readonly string[] {
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  return /[\u0000-\u001f\u007f]/.test(text) ? [`${kind} value ${JSON.stringify(text)} holds a control character`] : [];
}
