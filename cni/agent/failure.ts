/** A failed command as the runtime hears it: one constructor for every code of the protocol. */
import { type CniError, ERROR_CODES } from '../protocol.ts';

/** Thrown by a command; the server turns it into the specification's error object. */
export class CniFailure extends Error {
  override readonly name = 'CniFailure';
  readonly code: number;
  readonly details: string | undefined;

  constructor(
    code: keyof typeof ERROR_CODES,
    message: string,
    options: ErrorOptions & { readonly details?: string } = {},
  ) {
    super(message, options);
    this.code = ERROR_CODES[code];
    this.details = options.details;
  }
}

/** Anything thrown as an error object; what is no `CniFailure` is an I/O failure (code 5). Pure. */
export function cniErrorOf(error: unknown): CniError {
  if (!(error instanceof CniFailure)) {
    return { code: ERROR_CODES.io, msg: error instanceof Error ? error.message : String(error) };
  }
  return { code: error.code, msg: error.message, ...(error.details === undefined ? {} : { details: error.details }) };
}
