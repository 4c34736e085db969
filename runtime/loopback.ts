/** Whether a peer is this machine itself: what may be asked from loopback alone is reached by the API server's port-forward. Pure. */

/** A listener of both families sees IPv4 in its mapped form. */
export function isLoopback(address: string | undefined): boolean {
  return address === '::1' || /^(::ffff:)?127\./.test(address ?? '');
}
