/** An answer that is no success: a status and the bare text that Contrail's clients expect (facts 1). */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Throws an `HttpError` unless the condition holds. */
export function demand(condition: boolean, status: number, message: string | (() => string)): asserts condition {
  if (!condition) throw new HttpError(status, typeof message === 'string' ? message : message());
}
