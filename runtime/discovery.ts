/** Finds a Service's ready addresses by asking the API server, for programs that start before DNS and ClusterIPs exist. */
import { z } from 'zod';
import { type ApiServerAccess, askApiServer } from './api-server.ts';

/** A Service as settings name it: `kubernetes://<namespace>/<service>`, with an optional port name as a fragment. */
export interface ServiceReference {
  readonly namespace: string;
  readonly service: string;
  readonly portName?: string;
}

const SliceList = z.object({
  items: z.array(
    z.object({
      endpoints: z
        .array(
          z.object({
            addresses: z.array(z.string()),
            conditions: z.object({ ready: z.boolean().nullish(), serving: z.boolean().nullish() }).nullish(),
          }),
        )
        .nullish(),
      ports: z.array(z.object({ name: z.string().nullish(), port: z.number().nullish() })).nullish(),
    }),
  ),
});

/** The Service that a `kubernetes://<namespace>/<service>[#<port name>]` URL names, or `undefined` for any other text. Pure. */
export function serviceReference(url: string): ServiceReference | undefined {
  const match = /^kubernetes:\/\/([a-z0-9-]+)\/([a-z0-9-]+)(?:#(.+))?$/.exec(url);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  return { namespace: match[1], service: match[2], ...(match[3] === undefined ? {} : { portName: match[3] }) };
}

/**
 * The ready addresses of a Service as `ip:port` (`[ip]:port` for IPv6), by its port named `access.portName` or else its
 * first; empty when none is ready. Reads EndpointSlices; throws when the API server does not answer with a list.
 */
export async function resolveService(
  namespace: string,
  service: string,
  access: ApiServerAccess & { readonly portName?: string },
): Promise<readonly string[]> {
  const selector = encodeURIComponent(`kubernetes.io/service-name=${service}`);
  const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices?labelSelector=${selector}`;
  return readyAddresses(await readJson(path, access), access.portName);
}

/** The ready `ip:port` of an EndpointSliceList, sorted, each once. Pure; throws on anything that is not one. */
export function readyAddresses(list: unknown, portName?: string): readonly string[] {
  const addresses = SliceList.parse(list).items.flatMap((slice) => {
    const ports = slice.ports ?? [];
    const port = (portName === undefined ? ports[0] : ports.find(({ name }) => name === portName))?.port;
    if (typeof port !== 'number') return [];
    // An unset condition means ready (the API's own rule for `ready`).
    const ready = (slice.endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false);
    return ready.flatMap((endpoint) =>
      endpoint.addresses.map((ip) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)),
    );
  });
  return [...new Set(addresses)].sort();
}

async function readJson(path: string, access: ApiServerAccess): Promise<unknown> {
  const { status, body } = await askApiServer({ path }, access);
  if (status !== 200) throw new Error(`GET ${path} answered ${status}: ${body.slice(0, 200)}`);
  return JSON.parse(body) as unknown;
}
