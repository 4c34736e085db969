/** What is tried again and again tells why it fails once, and not at each attempt. */

export interface Complaint {
  /** Tells the reason, unless it is the one that was told last. */
  readonly say: (reason: string) => void;
  /** It works again: whatever fails next is told. */
  readonly over: () => void;
}

/** Nothing has been told yet. */
export function createComplaint(tell: (reason: string) => void): Complaint {
  let told: string | undefined;
  return {
    say(reason) {
      if (reason !== told) tell(reason);
      told = reason;
    },
    over() {
      told = undefined;
    },
  };
}
