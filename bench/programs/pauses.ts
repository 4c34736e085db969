/**
 * `node pauses.ts listen <address> <port>`: takes TCP streams, and prints how long each of them was silent.
 * `node pauses.ts ask <url>`: asks for a URL fifty times a second, each time by a new connection, and prints how long nobody answered.
 *
 * A line for each pause of a tenth of a second or more, when it is over: `{"of":"172.30.0.10:4711","ms":812}`; `of` is the
 * stream's other end, or the URL.
 */
import { get } from 'node:http';
import { createServer } from 'node:net';

const [mode, where = '', port = '0'] = process.argv.slice(2);
const [LEAST_MS, EVERY_MS, TIMEOUT_MS] = [100, 20, 300] as const;

/** Notes a sign of life; prints the pause before it. */
function watch(of: string): () => void {
  let last = performance.now();
  return () => {
    const ms = Math.round(performance.now() - last);
    last = performance.now();
    if (ms >= LEAST_MS) console.log(JSON.stringify({ of, ms }));
  };
}

if (mode === 'listen') {
  createServer((socket) => {
    socket.on('data', watch(`${socket.remoteAddress}:${socket.remotePort}`));
    socket.on('error', () => socket.destroy());
  }).listen(Number(port), where);
} else {
  const answered = watch(where);
  setInterval(() => {
    const request = get(where, { agent: false, timeout: TIMEOUT_MS }, (response) => {
      response.resume();
      if (response.statusCode === 200) answered();
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => undefined);
  }, EVERY_MS);
}
