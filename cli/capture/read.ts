/** A capture's bytes, as the vRouter of the pod's node sends them. */
import { get, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import type { Cluster } from '../reach/cluster.ts';
import { podOn } from '../reach/nodes.ts';
import { VROUTER_PORT } from '../reach/pods.ts';

/** Which port, and the vRouter's own parameters of a capture: `filter`, `count`, `seconds`, `snaplen`. */
export interface Wanted {
  readonly node: string;
  readonly vmi: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/**
 * Hands pcap over as it comes, until the capture has enough or is told to stop; answers what was captured and lost, where the
 * capture has come to its own end. Throws with the vRouter's words where it refuses.
 */
export async function readCapture(
  { node, vmi, parameters }: Wanted,
  {
    cluster,
    take,
    stop,
  }: { readonly cluster: Cluster; readonly take: (bytes: Uint8Array) => void; readonly stop: AbortSignal },
): Promise<string | undefined> {
  const pod = podOn(node, await cluster.podsOf('node'));
  const { port } = await cluster.forward(pod.name, VROUTER_PORT);
  const request = get({
    host: '127.0.0.1',
    port,
    path: `/capture/${vmi}?${new URLSearchParams(parameters).toString()}`,
    signal: stop,
  });
  try {
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    if (response.statusCode !== 200) throw new Error(reasonIn(await text(response), response.statusCode));
    for await (const chunk of response) take(chunk as Uint8Array);
    return response.trailers['capture-summary'];
  } catch (error) {
    if (stop.aborted) return undefined;
    throw error;
  }
}

function reasonIn(body: string, status: number | undefined): string {
  if (status === 404) return 'the pod has no such interface on its node any more';
  const { error } = JSON.parse(body) as { readonly error?: string };
  return error ?? `the vRouter answered ${status}`;
}
