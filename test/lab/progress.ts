/** Progress on stderr: what is being done, how long it has taken, how long it is expected to take. */

/** Runs `work`, telling its name, the estimate and, when it is done, the time it took. Errors pass through. */
export async function step<T>(title: string, estimateSeconds: number, work: () => Promise<T>): Promise<T> {
  const started = Date.now();
  const tty = process.stderr.isTTY;
  const line = (): string => `  ${title} … ${seconds(Date.now() - started)} of about ${estimateSeconds} s`;
  if (!tty && estimateSeconds > 2) process.stderr.write(`  ${title} … about ${estimateSeconds} s\n`);
  const timer = tty ? setInterval(() => process.stderr.write(`\r\x1b[K${line()}`), 500) : undefined;
  let outcome = 'failed after';
  try {
    const result = await work();
    outcome = 'done in';
    return result;
  } finally {
    clearInterval(timer);
    process.stderr.write(`${tty ? '\r\x1b[K' : ''}  ${title}: ${outcome} ${seconds(Date.now() - started)}\n`);
  }
}

/** A line for people, on stderr, so that stdout stays data. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
