/** Questions by plain HTTP to a pod of the product, also where it listens on its node's loopback alone. */
import type { Cluster } from './cluster.ts';

/** Where a question goes; `body` makes it a POST of JSON. */
export interface Question {
  readonly pod: string;
  readonly port: number;
  readonly path: string;
  readonly body?: unknown;
}

/** The vRouter's port API, on each node's loopback. */
export const VROUTER_PORT = 9091;

const TIMEOUT_MS = 20_000;

/** Asks and answers the parsed JSON; throws for a status that is no success, with what the pod said. */
export async function askPod({ pod, port, path, body }: Question, cluster: Cluster): Promise<unknown> {
  const forwarding = await cluster.forward(pod, port);
  try {
    const post = { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    const response = await fetch(`http://127.0.0.1:${forwarding.port}${path}`, {
      ...(body === undefined ? {} : post),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`pod ${pod} answered ${path} with ${response.status}: ${text.slice(0, 200)}`);
    return text === '' ? undefined : (JSON.parse(text) as unknown);
  } finally {
    forwarding.close();
  }
}
