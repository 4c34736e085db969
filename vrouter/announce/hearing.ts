/** When each node was heard of: by its own words, and while its program is restarted by its kernel's. */
import { createRestarts } from './restarts.ts';

/** What a node says that lives, and one whose program ends while its kernel goes on. */
export const [GREETING, FAREWELL] = ['opencontrail-alive-1', 'opencontrail-restarting-1'] as const;

interface HearingDeps {
  /** This node's address, and the port that heartbeats are sent to. */
  readonly own: string;
  readonly port: number;
  /** Since when this node hears, by `performance.now()`. */
  readonly started: number;
  /** Between two heartbeats of a node, in milliseconds. */
  readonly everyMs: number;
}

/** Nobody has been heard of yet. */
export function createHearing({ own, port, started, everyMs }: HearingDeps) {
  const heard = new Map<string, number>();
  const arrived = new Map<string, number>();
  /** Since when each is to be heard of. */
  const expected = new Map<string, number>();
  let awake = started;
  // A datagram may be lost; who is silent for longer may have been restarted.
  const pauseMs = 2.5 * everyMs;
  const last = (node: string): number => heard.get(node) ?? Number.NEGATIVE_INFINITY;
  const hear = (node: string): void => {
    const now = performance.now();
    if (now - last(node) > pauseMs) arrived.set(node, now);
    heard.set(node, now);
  };
  const restarts = createRestarts({ own, port, onAnswer: hear });
  return {
    last,
    since: (node: string, otherwise: number) => expected.get(node) ?? otherwise,
    /** Whether that is what it has said. */
    take(node: string, text: string): boolean {
      if (text === FAREWELL) restarts.begin(node);
      if (text === GREETING) {
        restarts.end(node);
        hear(node);
      }
      return text === FAREWELL || text === GREETING;
    },
    expect(nodes: readonly string[]): void {
      for (const node of nodes) if (!expected.has(node)) expected.set(node, performance.now());
    },
    /** Nobody's silence is older than this. */
    wake(): void {
      awake = performance.now();
    },
    askRestarted: restarts.ask,
    silence: (node: string) => performance.now() - Math.max(last(node), expected.get(node) ?? 0, awake),
    presence: (node: string) => (restarts.has(node) ? 0 : performance.now() - (arrived.get(node) ?? performance.now())),
  };
}
