/** The two kinds of failure that a program distinguishes: those that only a user can mend, and all others. */

/**
 * A failure that no retry mends: a user must change something first. The queue reports it once, as an Event on the
 * object concerned, and does not retry until that object changes. `reason` is the Event's CamelCase reason.
 */
export class TerminalError extends Error {
  override readonly name = 'TerminalError';
  readonly reason: string;

  constructor(reason: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** The message of anything thrown, for logs and Events; never throws itself. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
