/**
 * Runs inside the network namespace of an end of flows: answers on ports of its addresses, and asks others. A line of stdin is a round of
 * questions, which ends the one before. A line of stdout is `ready`, `asked <round>`, or `<round> <question>` for one that is answered.
 */
import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { Question } from '../asking.ts';

/** A datagram may get lost where a connection would try again. */
const AGAIN_MS = 500;

const [addresses = '', ports = ''] = process.argv.slice(2);
await Promise.all(
  addresses.split(',').flatMap((address) => ports.split(',').map(async (port) => answer(address, Number(port)))),
);
say('ready');
let end: (() => void) | undefined;
for await (const line of createInterface(process.stdin)) {
  end?.();
  end = ask(JSON.parse(line) as { round: number; questions: Question[] });
}
// Whoever has started it is gone.
process.exit();

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Takes every connection, and sends every datagram back from the address that it came to. */
async function answer(address: string, port: number): Promise<void> {
  const datagrams = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  datagrams.on('message', (message, from) => datagrams.send(message, from.port, from.address));
  const connections = createServer((socket) => socket.on('error', () => {}).end());
  await Promise.all([
    new Promise<void>((resolve) => datagrams.bind(port, address, resolve)),
    new Promise<void>((resolve) => connections.listen(port, address, resolve)),
  ]);
}

/** Answers how to end the round. */
function ask({ round, questions }: { round: number; questions: Question[] }): () => void {
  const tell = (index: number): void => say(`${round} ${index}`);
  const indexed = questions.map((question, index) => ({ ...question, index }));
  const connections = indexed.filter(({ protocol }) => protocol === 'TCP').map((each) => askByConnection(each, tell));
  const open = Map.groupBy(
    indexed.filter(({ protocol }) => protocol === 'UDP'),
    ({ from }) => from,
  );
  const datagrams = [...open].map(([from, own]) => askByDatagrams(from, own, { round, tell }));
  setImmediate(() => say(`asked ${round}`));
  return () => {
    for (const socket of connections) socket.destroy();
    for (const close of datagrams) close();
  };
}

type Indexed = Question & { readonly index: number };

function askByConnection({ from, to, port, index }: Indexed, tell: (index: number) => void): Socket {
  const socket = connect({ host: to, port, localAddress: from }, () => {
    tell(index);
    socket.destroy();
  });
  return socket.on('error', () => {});
}

function askByDatagrams(
  from: string,
  questions: readonly Indexed[],
  { round, tell }: { readonly round: number; readonly tell: (index: number) => void },
): () => void {
  const socket: Datagrams = createSocket(from.includes(':') ? 'udp6' : 'udp4');
  const unanswered = new Map(questions.map((question) => [`${round} ${question.index}`, question]));
  const send = (): void => {
    for (const [text, { to, port }] of unanswered) socket.send(text, port, to, () => {});
  };
  socket.on('message', (message) => {
    const question = unanswered.get(message.toString());
    if (question !== undefined && unanswered.delete(message.toString())) tell(question.index);
  });
  socket.bind(0, from, send);
  const again = setInterval(send, AGAIN_MS);
  return () => {
    clearInterval(again);
    socket.close();
  };
}
