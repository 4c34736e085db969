/** What BIRD says of its sessions (`show protocols all`), as data. Pure. */

export interface SessionState {
  /** `Established`, or how far the session is: `Active`, `Connect`, `OpenSent`, `OpenConfirm`, `Idle`. */
  readonly state: string;
  readonly received: number;
  readonly sent: number;
  /** Whether the limit of routes has been reached. */
  readonly isLimited: boolean;
  readonly lastError?: string;
}

/** The sessions by BIRD's names. */
export function sessionStates(text: string): ReadonlyMap<string, SessionState> {
  const blocks = text.split(/\n(?=\S)/).filter((block) => /^\S+\s+BGP\s/.test(block));
  return new Map(blocks.map((block) => [/^\S+/.exec(block)?.[0] ?? '', stateOf(block)]));
}

function stateOf(block: string): SessionState {
  const [, received = 0, sent = 0] = /Routes:\s+(\d+) imported,(?: \d+ filtered,)? (\d+) exported/.exec(block) ?? [];
  const lastError = /Last error:\s+(.+)/.exec(block)?.[1]?.trim();
  return {
    state: /BGP state:\s+(\S+)/.exec(block)?.[1] ?? 'Idle',
    received: Number(received),
    sent: Number(sent),
    isLimited: /\[HIT\]/.test(block),
    ...(lastError === undefined ? {} : { lastError }),
  };
}
