/**
 * `node requests.ts <url> <requests per second> <seconds> [host]`: asks for a URL at a steady rate, each time by a new connection, as a
 * host's where one is named, and prints `{"sent":…,"failed":…,"reasons":{…},"answers":{…}}`.
 */
import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const [url = '', rate = '1', seconds = '1', host] = process.argv.slice(2);
const headers = host === undefined ? {} : { host };
const TIMEOUT_MS = 5000;

/** The body of the answer; rejects for whatever is none. */
function ask(): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false, timeout: TIMEOUT_MS, headers }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () =>
        response.statusCode === 200 ? resolve(body) : reject(new Error(`${response.statusCode}`)),
      );
      response.on('error', reject);
    });
    request.on('timeout', () => request.destroy(new Error('timeout')));
    request.on('error', reject);
  });
}

function count(into: Record<string, number>, what: string): void {
  into[what] = (into[what] ?? 0) + 1;
}

const reasons: Record<string, number> = {};
const answers: Record<string, number> = {};
const started = performance.now();
const pending: Promise<void>[] = [];
const total = Number(rate) * Number(seconds);
for (let sent = 0; sent < total; sent += 1) {
  await sleep(Math.max(0, started + (sent * 1000) / Number(rate) - performance.now()));
  const one = ask().then(
    (body) => count(answers, body.trim()),
    (error: Error) => count(reasons, error.message),
  );
  pending.push(one);
}
await Promise.all(pending);
const failed = Object.values(reasons).reduce((sum, each) => sum + each, 0);
console.log(JSON.stringify({ sent: total, failed, reasons, answers }));
