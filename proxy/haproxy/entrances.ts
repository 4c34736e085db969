/** Ports of Gateways as HAProxy's frontends. Pure. */
import type { Choice, Entrance, HttpRouting, RequestCondition } from '../model.ts';
import { DRAWN_BELOW } from '../model.ts';
import { answerLines } from './frontend.ts';
import { hasDefault } from './maps.ts';
import { word } from './words.ts';

/** The names of an entrance's own files. */
export const hostsFile = ({ inside }: Entrance): string => `hosts-${inside}.map`;
export const listFile = ({ inside }: Entrance): string => `certificates-${inside}.list`;

/** The sections of a Gateway's port: what is told apart by SNI is decided first, and HTTP behind it. */
export function entranceSections(entrance: Entrance, folder: string): readonly (readonly string[])[] {
  const bind = `bind :::${entrance.inside} v4v6`;
  if (entrance.kind === 'http') return [httpSection(entrance, { bind, scheme: 'http', folder })];
  if (entrance.kind === 'tcp') return [streamSection(entrance, [bind], choiceLines(entrance.choices, []))];
  const { http, servers } = entrance;
  if (http === undefined) return [tlsSection(entrance, bind)];
  const strict = hasDefault(http.certificates) ? '' : ' strict-sni';
  const terminating = `ssl crt-list ${folder}/${listFile(entrance)}${strict} alpn h2,http/1.1`;
  if (servers.every(({ choices }) => choices === 'http')) {
    return [httpSection({ ...entrance, ...http }, { bind: `${bind} ${terminating}`, scheme: 'https', folder })];
  }
  const socket = `unix@${folder}/http-${entrance.inside}.sock`;
  const behind = { ...entrance, ...http, name: innerName(entrance) };
  return [
    tlsSection(entrance, bind),
    httpSection(behind, { bind: `bind ${socket} mode 600 accept-proxy ${terminating}`, scheme: 'https', folder }),
    [`backend ${innerName(entrance)}`, 'mode tcp', `server s1 ${socket} send-proxy-v2`],
  ];
}

const innerName = ({ name }: Entrance): string => `${name}:http`;

interface HttpPlace {
  readonly bind: string;
  readonly scheme: 'http' | 'https';
  readonly folder: string;
}

function httpSection(
  entrance: Entrance & { readonly routing: HttpRouting },
  { bind, scheme, folder }: HttpPlace,
): readonly string[] {
  const { name, port, routing } = entrance;
  const isImplied = port === (scheme === 'http' ? 80 : 443);
  return [
    `frontend ${name}`,
    bind,
    'http-request set-var(txn.host) req.hdr(host),host_only,lower',
    `http-request set-var(txn.scheme) str(${scheme})`,
    ...(isImplied ? [] : [`http-request set-var(txn.port) str(:${port})`]),
    'http-request set-var(txn.path) path',
    `http-request set-var(txn.group) var(txn.host),map_str(${folder}/${hostsFile(entrance)})`,
    ...routing.hosts.flatMap(({ host, group }) => groupLine(host, group)),
    `http-request set-var(txn.place) var(txn.group),concat(,txn.path),map_str(${folder}/routes-exact.map)`,
    `http-request set-var(txn.place) var(txn.group),concat(,txn.path,/),map_beg(${folder}/routes-prefixes.map) unless { var(txn.place) -m found }`,
    'http-request set-var(txn.backend) var(txn.place) unless { var(txn.place) -m beg @ }',
    ...placeLines(routing.places),
    ...answerLines(scheme, String(port)),
  ];
}

/** Whole names are looked up; what ends so, or any name, is asked for in the order of the list. */
function groupLine(host: string, group: string): readonly string[] {
  const set = `http-request set-var(txn.group) str(${group})`;
  if (host === '') return [`${set} unless { var(txn.group) -m found }`];
  if (!host.startsWith('*.')) return [];
  return [`${set} if !{ var(txn.group) -m found } { var(txn.host) -m end ${host.slice(1)} }`];
}

/** Conditions have names, each its own: a line of the configuration holds 64 words, and a match may have 33 conditions. */
function placeLines(places: HttpRouting['places']): readonly string[] {
  const names = new Map<string, string>();
  const named = (test: string): string => {
    const name = names.get(test) ?? `c${names.size}`;
    names.set(test, name);
    return name;
  };
  const lines = [...places].flatMap(([place, choices]) =>
    choices.map(({ conditions, below, backend }) => {
      const tests = [
        `var(txn.place) -m str -- ${place}`,
        ...(below === undefined ? [] : [drawnTest(below)]),
        ...conditions.map(testOf),
      ];
      return `http-request set-var(txn.backend) str(${backend}) if ${tests.map(named).join(' ')} !found`;
    }),
  );
  if (lines.length === 0) return [];
  return [
    `http-request set-var(txn.drawn) rand(${DRAWN_BELOW})`,
    'acl found var(txn.backend) -m found',
    ...[...names].map(([test, name]) => `acl ${name} ${test}`),
    ...lines,
  ];
}

function testOf(condition: RequestCondition): string {
  switch (condition.is) {
    case 'method':
      return `method ${condition.method}`;
    case 'header':
      return `req.fhdr(${condition.name}) -m str -- ${word(condition.value)}`;
    case 'query':
      return `url_param(${condition.name}) -m str -- ${word(condition.value)}`;
  }
}

function tlsSection(entrance: Extract<Entrance, { readonly kind: 'tls' }>, bind: string): readonly string[] {
  const inner = [{ conditions: [], backend: innerName(entrance) }];
  const lines = entrance.servers.flatMap(({ host, choices }) =>
    choiceLines(choices === 'http' ? inner : choices, sniTest(host)),
  );
  const hello = ['tcp-request inspect-delay 5s', 'tcp-request content accept if { req.ssl_hello_type 1 }'];
  return streamSection(entrance, [bind, ...hello], lines);
}

function sniTest(host: string): readonly string[] {
  if (host === '') return [];
  const how = host.startsWith('*.') ? `-m end ${host.slice(1)}` : `-m str ${host}`;
  return [`{ req.ssl_sni,lower ${how} }`];
}

function streamSection({ name }: Entrance, head: readonly string[], lines: readonly string[]): readonly string[] {
  const draw = `tcp-request content set-var(txn.drawn) rand(${DRAWN_BELOW})`;
  const [bind = '', ...rest] = head;
  return [`frontend ${name}`, 'mode tcp', bind, draw, ...rest, ...lines];
}

function choiceLines(choices: readonly Choice[], tests: readonly string[]): readonly string[] {
  return choices.map(({ backend, below }) => {
    const all = [...tests, ...(below === undefined ? [] : [`{ ${drawnTest(below)} }`])];
    return `use_backend ${backend}${all.length === 0 ? '' : ` if ${all.join(' ')}`}`;
  });
}

function drawnTest(below: number): string {
  return `var(txn.drawn) -m int lt ${below}`;
}
