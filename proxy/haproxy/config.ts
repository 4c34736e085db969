/** HAProxy's configuration as text. Pure. */
import type { ProxyModel } from '../model.ts';
import { backendSection } from './backend.ts';
import { entranceSections } from './entrances.ts';
import { answerLines } from './frontend.ts';
import type { Slots } from './slots.ts';

/** Where HAProxy listens and keeps its files. */
export interface Place {
  /** The folder of its files; sockets lie there, too. */
  readonly folder: string;
  readonly httpPort: number;
  readonly httpsPort: number;
  /** How long connections that a reload has left behind may last. */
  readonly drainSeconds: number;
}

/** What the text says beside the model: where back ends' servers stand, and a name by which a running HAProxy is recognized. */
export interface ConfigInput {
  readonly model: ProxyModel;
  readonly slots: Slots;
  readonly hasDefaultCertificate: boolean;
  readonly generation: string;
}

/** The whole file. */
export function configText(input: ConfigInput, place: Place): string {
  const sections = [
    globalSection(input.generation, place),
    DEFAULTS,
    frontend('http', [`bind :::${place.httpPort} v4v6`], place),
    frontend('https', [tlsBind(input, place)], place),
    ...input.model.entrances.flatMap((entrance) => entranceSections(entrance, place.folder)),
    ...input.model.backends.map((backend) => backendSection(backend, input.slots.get(backend.name) ?? [])),
  ];
  return `${sections.map((lines) => lines.join('\n  ')).join('\n\n')}\n`;
}

/** The socket that takes commands for the running process. */
export const runtimeSocket = ({ folder }: Place): string => `${folder}/runtime.sock`;

function globalSection(generation: string, place: Place): readonly string[] {
  return [
    'global',
    'log stderr format raw local0 notice',
    // Told back by `show info`: which configuration is running.
    `description ${generation}`,
    `stats socket ${runtimeSocket(place)} mode 600 level admin expose-fd listeners`,
    'stats timeout 30s',
    `hard-stop-after ${place.drainSeconds}s`,
    // As many connections as the machine's limit allows, and never a table for a billion, which a container's limit may say.
    'fd-hard-limit 130000',
    'ssl-default-bind-options ssl-min-ver TLSv1.2',
    'tune.ssl.default-dh-param 2048',
  ];
}

const DEFAULTS = [
  'defaults',
  'mode http',
  'log global',
  'option dontlognull',
  'option http-keep-alive',
  // After a reload a client's idle connection ends with an answer that says so, never under a request on its way.
  'option idle-close-on-response',
  'option splice-auto',
  'timeout connect 5s',
  'timeout client 300s',
  'timeout server 300s',
  'timeout tunnel 1h',
  'timeout http-request 10s',
  'timeout http-keep-alive 60s',
  'timeout queue 5s',
  // A pod that is going closes its port before everybody has heard of it.
  'retries 3',
  'option redispatch 1',
  'retry-on conn-failure empty-response',
  'default-server init-addr none',
];

function tlsBind({ hasDefaultCertificate }: ConfigInput, { folder, httpsPort }: Place): string {
  const strict = hasDefaultCertificate ? '' : ' strict-sni';
  return `bind :::${httpsPort} v4v6 ssl crt-list ${folder}/certificates.list${strict} alpn h2,http/1.1`;
}

function frontend(scheme: 'http' | 'https', binds: readonly string[], { folder }: Place): readonly string[] {
  return [
    `frontend ${scheme}`,
    ...binds,
    'http-request set-var(txn.host) req.hdr(host),host_only,lower',
    // A wildcard stands for one label (Ingress documentation, "Hostname wildcards").
    'http-request set-var(txn.wildcard) var(txn.host),regsub(^[^.]+,*)',
    ...lookups(folder),
    ...answerLines(scheme, '%[dst_port]'),
  ];
}

/** The host itself before its wildcard before no host at all; for each, the whole path before its longest prefix. */
function lookups(folder: string): readonly string[] {
  const hosts = ['var(txn.host),concat(,txn.path', 'var(txn.wildcard),concat(,txn.path', 'var(txn.path),concat('];
  const found = 'unless { var(txn.backend) -m found }';
  const set = (expression: string): string => `http-request set-var(txn.backend) ${expression} ${found}`;
  return [
    'http-request set-var(txn.path) path',
    ...hosts.flatMap((host) => [
      set(`${host}),map_str(${folder}/exact.map)`),
      set(`${host}${host.endsWith('(') ? '' : ','}/),map_beg(${folder}/prefixes.map)`),
    ]),
  ];
}
