/** What all frontends for HTTP end with. Pure. */

/** A method that may be sent twice (RFC 9110, 9.2.2): one that was sent and not answered is tried on another server. */
const REPEATABLE = '{ method GET HEAD OPTIONS TRACE PUT DELETE }';

/** Sends a request to the back end that has been found, or answers that there is none. `port` is what clients came to. */
export function answerLines(scheme: 'http' | 'https', port: string): readonly string[] {
  return [
    'http-request return status 404 content-type text/plain string "no rule for this host and path\\n" unless { var(txn.backend) -m found }',
    `http-request disable-l7-retry unless ${REPEATABLE}`,
    // What a client says of itself is not believed.
    'http-request set-header X-Forwarded-For %[src]',
    `http-request set-header X-Forwarded-Proto ${scheme}`,
    'http-request set-header X-Forwarded-Host %[req.hdr(host)]',
    `http-request set-header X-Forwarded-Port ${port}`,
    'use_backend %[var(txn.backend)]',
  ];
}
