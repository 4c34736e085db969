/** Who may call: anybody, who shows a certificate of the client CA, or who knows a token. */
import { timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { TLSSocket } from 'node:tls';

/** What of a request tells who sends it. */
interface Call {
  readonly headers: IncomingHttpHeaders;
  readonly socket?: unknown;
}

/** Why this caller is refused, or `undefined` when it is not. */
export type Caller = (call: Call) => string | undefined;

/** With a client CA callers need a certificate of it. */
export function callerBy(clientCa: string | undefined): Caller {
  return clientCa === undefined ? anybody : withCertificate;
}

export const anybody: Caller = () => undefined;

/** The server asks for certificates and lets everybody in, for probes have none: here they matter. */
const withCertificate: Caller = ({ socket }) =>
  // The server is made by node:https alone, so every socket is TLS.
  (socket as TLSSocket).authorized ? undefined : 'a client certificate of --client-ca is required';

/** The API server sends the token that its AdmissionConfiguration's kubeconfig holds. */
export function withToken(token: string): Caller {
  const wanted = Buffer.from(`Bearer ${token}`);
  return ({ headers }) => {
    const given = Buffer.from(headers.authorization ?? '');
    const isSame = given.length === wanted.length && timingSafeEqual(given, wanted);
    return isSame ? undefined : 'the bearer token of --caller-token is required';
  };
}
