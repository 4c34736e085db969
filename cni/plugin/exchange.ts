/** One exchange with the node agent: a line of JSON out, a line of JSON back. */
import { connect } from 'node:net';
import type { CniRequest, CniResponse } from '../protocol.ts';

/** What came of asking: an answer, or the reason why the agent did not give one. */
export type Exchange =
  | { readonly kind: 'answered'; readonly response: CniResponse }
  | { readonly kind: 'unreachable'; readonly reason: string };

/** Sends one request over the socket and waits for the answer; never throws. `timeoutMs` bounds the whole exchange. */
export function exchange(request: CniRequest, socketPath: string, timeoutMs: number): Promise<Exchange> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    let received = '';
    const end = (outcome: Exchange): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(outcome);
    };
    const timer = setTimeout(() => end(unreachable(`no answer within ${timeoutMs} ms`)), timeoutMs);
    socket.setEncoding('utf8');
    socket.on('connect', () => socket.write(`${JSON.stringify(request)}\n`));
    socket.on('data', (text) => {
      received += String(text);
      if (received.includes('\n')) end(parseAnswer(received));
    });
    socket.on('error', (error) => end(unreachable(error.message)));
    socket.on('close', () => end(unreachable('the node agent closed the connection before it answered')));
  });
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
