/** Back ends as text: what is done to requests, and the places of servers. Pure. */
import type { Backend, RedirectTarget, Server, Step } from '../model.ts';
import { checkLines } from './checks.ts';
import { literal, word } from './words.ts';

/** The section of a back end whose servers stand at these places. */
export function backendSection(
  { name, isRaw, check, steps = [], timeoutMs }: Backend,
  places: readonly (Server | undefined)[],
): readonly string[] {
  const answers = steps.some(({ step }) => step === 'redirect' || step === 'refuse');
  const servers = places.map((server, index) => {
    const at = server === undefined ? '0.0.0.0:1 disabled' : `${hostOf(server.address)}:${server.port}`;
    return `server ${serverName(index)} ${at}`;
  });
  return [
    `backend ${name}`,
    ...(isRaw === true ? ['mode tcp'] : []),
    ...(timeoutMs === undefined ? [] : [`timeout server ${timeoutMs}ms`]),
    ...steps.flatMap(stepLines),
    ...(answers ? [] : ['balance leastconn', ...(check === undefined ? [] : checkLines(check)), ...servers]),
  ];
}

/** The name of a place. */
export const serverName = (index: number): string => `s${index + 1}`;

function stepLines(step: Step): readonly string[] {
  switch (step.step) {
    case 'set':
    case 'add':
      return [`http-${step.of} ${step.step}-header ${step.name} ${literal(step.value)}`];
    case 'remove':
      return [`http-${step.of} del-header ${step.name}`];
    case 'path':
      return [`http-request set-path ${literal(step.path)}`];
    case 'prefix':
      return [`http-request replace-path ${prefixWords(step)}`];
    case 'redirect':
      return [`http-request redirect location ${location(step.to)} code ${step.status}`];
    case 'refuse':
      return [`http-request return status ${step.status}`];
  }
}

/** Where nothing of the path would be left, what is meant is the root. In what replaces, a backslash leads a group. */
function prefixWords({ prefix, replacement }: Extract<Step, { readonly step: 'prefix' }>): string {
  if (replacement === '') return `${word(`^${escaped(prefix)}/?(.*)$`)} '/\\1'`;
  const text = replacement.replaceAll('\\', String.raw`\\`).replaceAll('%', '%%');
  return `${word(`^${escaped(prefix)}(/.*)?$`)} ${word(`${text}\\1`)}`;
}

const WELL_KNOWN: Readonly<Record<string, number>> = { http: 80, https: 443 };

/** What is not said stays as the client said it; a port that its scheme implies is left out (HTTPRequestRedirectFilter). */
function location({ scheme, hostname, port }: RedirectTarget): string {
  const explicit = port === undefined || port === WELL_KNOWN[scheme ?? ''] ? '' : `:${port}`;
  const kept = port === undefined && scheme === undefined ? '%[var(txn.port)]' : explicit;
  return `'${scheme ?? '%[var(txn.scheme)]'}://${hostname ?? '%[var(txn.host)]'}${kept}%[pathq]'`;
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}

function hostOf(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}
