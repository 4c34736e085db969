/** What the proxy is to do, as plain data: what Ingresses and Gateways are compiled to, and HAProxy's files are written from. */

/** A back end's member: where connections go. */
export interface Server {
  readonly address: string;
  readonly port: number;
}

/** A group of servers that share requests. Its name is HAProxy's: letters, digits, `-`, `_`, `.` and `:`. */
export interface Backend {
  readonly name: string;
  readonly servers: readonly Server[];
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

/** All that the proxy serves. */
export interface ProxyModel {
  readonly paths: PathTable;
  readonly certificates: readonly Certificate[];
  readonly backends: readonly Backend[];
}

/** Something that a user must mend, for an Event on the object concerned; what is beside it is served. */
export interface Problem {
  readonly reason: string;
  readonly message: string;
}
