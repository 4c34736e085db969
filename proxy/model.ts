/** What the proxy is to do, as plain data: what Ingresses and Gateways are compiled to, and HAProxy's files are written from. */
import type { HealthCheck } from '../kubernetes/health-check.ts';

/** A back end's member: where connections go. */
export interface Server {
  readonly address: string;
  readonly port: number;
}

/** Servers that share requests. */
export interface Pool {
  readonly servers: readonly Server[];
  /** How they are asked whether they are well. */
  readonly check?: HealthCheck;
}

/** A pool, and what is done to requests for it. Its name is HAProxy's: letters, digits, `-`, `_`, `.` and `:`. */
export interface Backend extends Pool {
  readonly name: string;
  /** It is given bytes, and nobody looks into them. */
  readonly isRaw?: true;
  /** What is done to requests on their way, in this order. */
  readonly steps?: readonly Step[];
  /** How long a request may take. */
  readonly timeoutMs?: number;
}

/** What is done to a request, or to its answer; `redirect` and `refuse` are the answer, and the last step. */
export type Step =
  | { readonly step: 'set' | 'add'; readonly of: 'request' | 'response'; readonly name: string; readonly value: string }
  | { readonly step: 'remove'; readonly of: 'request' | 'response'; readonly name: string }
  | { readonly step: 'path'; readonly path: string }
  /** Neither ends in a slash. */
  | { readonly step: 'prefix'; readonly prefix: string; readonly replacement: string }
  | { readonly step: 'redirect'; readonly status: number; readonly to: RedirectTarget }
  | { readonly step: 'refuse'; readonly status: number };

/** What differs from where the request has come to. */
export interface RedirectTarget {
  readonly scheme?: string;
  readonly hostname?: string;
  readonly port?: number;
}

/** A certificate with its key as one PEM text, and the names it is shown for; `*` is everyone who names nothing better. */
export interface Certificate {
  readonly name: string;
  readonly pem: string;
  readonly hosts: readonly string[];
}

/**
 * Paths of hosts, and the name of the back end of each. A key is `<host><path>`, the host empty where any will do and with a
 * leading `*.` for all names one label longer; a prefix ends in a slash, so that it matches whole elements only.
 */
export interface PathTable {
  readonly exact: ReadonlyMap<string, string>;
  readonly prefixes: ReadonlyMap<string, string>;
}

/** What a request has to be, beside its host and path. */
export type RequestCondition =
  | { readonly is: 'method'; readonly method: string }
  | { readonly is: 'header' | 'query'; readonly name: string; readonly value: string };

/** Of choices, the first whose conditions hold is taken. */
export interface Choice {
  readonly conditions: readonly RequestCondition[];
  /** A number is drawn for each request, from 0 to a million: it has to be less than this. */
  readonly below?: number;
  readonly backend: string;
}

/** The range of the numbers that are drawn. */
export const DRAWN_BELOW = 1_000_000;

/** Hosts, exact or with a leading `*.` for all names that end so; of those that hold the first in the list counts. */
export interface HostMatch {
  /** Empty for any. */
  readonly host: string;
}

/** Who is sent where by host, path, and what else a request says. */
export interface HttpRouting {
  /** A host leads to a group; the most specific first. */
  readonly hosts: readonly (HostMatch & { readonly group: string })[];
  /** Keys are `<group><path>`; a value is a back end's name, or a place's. */
  readonly paths: PathTable;
  /** Where path and host do not decide alone; a place's name begins with `@`. */
  readonly places: ReadonlyMap<string, readonly Choice[]>;
}

/** A port of a Gateway. */
export type Entrance = {
  /** HAProxy's name for it. */
  readonly name: string;
  /** The port that clients know. */
  readonly port: number;
  /** The port that HAProxy listens at. */
  readonly inside: number;
} & (
  | { readonly kind: 'http'; readonly routing: HttpRouting }
  | {
      readonly kind: 'tls';
      /** What is told apart by SNI; without choices it is served as HTTP, by `http`. */
      readonly servers: readonly (HostMatch & { readonly choices: readonly Choice[] | 'http' })[];
      readonly http?: { readonly routing: HttpRouting; readonly certificates: readonly Certificate[] };
    }
  | { readonly kind: 'tcp'; readonly choices: readonly Choice[] }
);

/** All that the proxy serves. */
export interface ProxyModel {
  readonly entrances: readonly Entrance[];
  readonly paths: PathTable;
  readonly certificates: readonly Certificate[];
  readonly backends: readonly Backend[];
}

/** Something that a user must mend, for an Event or a condition of the object concerned; what is beside it is served. */
export interface Problem {
  readonly reason: string;
  readonly message: string;
}
