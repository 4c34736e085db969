/** What the API server answers when it refuses or fails. */

/** An answer of the API server other than success. `status` is the HTTP status, `reason` the Status object's. */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  readonly status: number;
  readonly reason: string;
  /** Seconds the server asked to wait (`Retry-After`), where it did. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    status: number,
    message: string,
    details: { readonly reason?: string; readonly retryAfterSeconds?: number } = {},
  ) {
    super(message);
    this.status = status;
    this.reason = details.reason ?? '';
    this.retryAfterSeconds = details.retryAfterSeconds;
  }
}

/** Whether something thrown is an answer of the API server with this HTTP status. Pure. */
export function hasStatus(error: unknown, status: number): boolean {
  return error instanceof KubeError && error.status === status;
}

/** Whether a patch that named an object's UID was refused because the object is gone, or another one of its name by now. Pure. */
export function isOfAnother(error: unknown): boolean {
  return [404, 409, 422].some((status) => hasStatus(error, status));
}
