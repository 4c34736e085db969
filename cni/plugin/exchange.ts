/** One exchange with the node agent: a line of JSON out, a line of JSON back. */
import type { CniRequest, CniResponse } from '../protocol.ts';

/** What came of asking: an answer, or the reason why the agent did not give one. */
export type Exchange =
  | { readonly kind: 'answered'; readonly response: CniResponse }
  | { readonly kind: 'unreachable'; readonly reason: string };

/** What a connection tells; each is called any number of times in any order. */
interface Listener {
  readonly onText: (text: string) => void;
  readonly onEnd: (reason: string) => void;
}

/** Connects to a unix socket and sends one line. */
type Connect = (socketPath: string, line: string, listener: Listener) => void;

/** Sends one request over the socket and waits for the answer; never throws. `timeoutMs` bounds the whole exchange. */
export async function exchange(request: CniRequest, socketPath: string, timeoutMs: number): Promise<Exchange> {
  const connect = bunConnect() ?? (await nodeConnect());
  return await new Promise((resolve) => {
    let received = '';
    const end = (outcome: Exchange): void => {
      clearTimeout(timer);
      resolve(outcome);
    };
    const timer = setTimeout(() => end(unreachable(`no answer within ${timeoutMs} ms`)), timeoutMs);
    connect(socketPath, `${JSON.stringify(request)}\n`, {
      onText: (text) => {
        received += text;
        if (received.includes('\n')) end(parseAnswer(received));
      },
      onEnd: (reason) => end(unreachable(reason)),
    });
  });
}

const CLOSED = 'the node agent closed the connection before it answered';

interface BunSocket {
  /** Answers how many bytes were taken; what was not is to be written when the socket drains. */
  readonly write: (bytes: Uint8Array) => number;
}

/** The one thing of Bun's that is used: with its sockets the plugin starts in half the time that `node:net` takes to load. */
interface BunSockets {
  connect(options: {
    readonly unix: string;
    readonly socket: {
      readonly open: (socket: BunSocket) => void;
      readonly drain: (socket: BunSocket) => void;
      readonly data: (socket: unknown, data: Uint8Array) => void;
      readonly error: (socket: unknown, error: Error) => void;
      readonly close: () => void;
    };
  }): Promise<unknown>;
}

/** The compiled plugin runs on Bun. */
function bunConnect(): Connect | undefined {
  const { Bun } = globalThis as { readonly Bun?: BunSockets };
  if (Bun === undefined) return undefined;
  const decoder = new TextDecoder();
  return (unix, line, { onText, onEnd }) => {
    let rest = new TextEncoder().encode(line);
    const send = (socket: BunSocket): void => {
      rest = rest.subarray(socket.write(rest));
    };
    const socket = {
      open: send,
      drain: send,
      data: (_socket: unknown, data: Uint8Array) => onText(decoder.decode(data, { stream: true })),
      error: (_socket: unknown, error: Error) => onEnd(error.message),
      close: () => onEnd(CLOSED),
    };
    Bun.connect({ unix, socket }).catch((error: unknown) => onEnd(String(error)));
  };
}

/** From the checkout, and in tests, the plugin runs on Node. */
async function nodeConnect(): Promise<Connect> {
  const { connect } = await import('node:net');
  return (path, line, { onText, onEnd }) => {
    const socket = connect(path);
    socket.setEncoding('utf8');
    socket.on('connect', () => socket.write(line));
    socket.on('data', (text) => onText(String(text)));
    socket.on('error', (error) => onEnd(error.message));
    socket.on('close', () => onEnd(CLOSED));
  };
}

function parseAnswer(line: string): Exchange {
  try {
    // The agent ships with the plugin and is its only peer; a broken line is treated as no answer.
    return { kind: 'answered', response: JSON.parse(line) as CniResponse };
  } catch (error) {
    return unreachable(`the node agent's answer is not JSON: ${String(error)}`);
  }
}

function unreachable(reason: string): Exchange {
  return { kind: 'unreachable', reason };
}
