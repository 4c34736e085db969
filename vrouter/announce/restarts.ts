/**
 * Nodes whose vRouter is restarted: their kernels go on as they were. Whether a kernel is there it says itself, by refusing a connection
 * to a port that nobody listens at; a node that is switched off, or cut off, refuses nothing.
 */
import { connect } from 'node:net';

/** A program that is away for longer does not come back. */
const PATIENCE_MS = 30_000;
/** What is not answered by then is asked again. */
const ANSWER_MS = 1000;

export interface Restarts {
  /** A node has said that its program ends. */
  readonly begin: (node: string) => void;
  /** Its program is back. */
  readonly end: (node: string) => void;
  readonly has: (node: string) => boolean;
  /** Asks each of them. */
  readonly ask: () => void;
}

interface RestartsDeps {
  /** The address to ask from, and the port that is asked for. */
  readonly own: string;
  readonly port: number;
  /** Called with each node that answers. */
  readonly onAnswer: (node: string) => void;
}

/** Nobody is restarted yet. */
export function createRestarts({ own: localAddress, port, onAnswer }: RestartsDeps): Restarts {
  const begun = new Map<string, number>();
  const askOne = (host: string): void => {
    const socket = connect({ host, port, localAddress, timeout: ANSWER_MS });
    const answered = (): void => {
      socket.destroy();
      if (begun.has(host)) onAnswer(host);
    };
    socket.once('connect', answered);
    socket.once('timeout', () => socket.destroy());
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') answered();
    });
    socket.unref();
  };
  return {
    begin(node) {
      begun.set(node, performance.now());
      askOne(node);
    },
    end: (node) => void begun.delete(node),
    has: (node) => begun.has(node),
    ask() {
      for (const [node, since] of begun) {
        if (performance.now() - since < PATIENCE_MS) askOne(node);
        else begun.delete(node);
      }
    },
  };
}
