/** Where the config API is, from the settings. */
import { readFile } from 'node:fs/promises';
import type { ContrailClientOptions } from './client.ts';
import type { ApiServerAccess } from '../runtime/api-server.ts';
import { resolveService, serviceReference } from '../runtime/discovery.ts';

/** A program's flags about the config API. */
interface ContrailSettings {
  readonly contrailApi: string;
  readonly contrailToken: string;
  readonly contrailCa: string;
}

/** `freshMs`: how long addresses of a Service are used before they are asked for again; absent: asked at every attempt. */
interface EndpointAccess extends ApiServerAccess {
  readonly freshMs?: number;
}

/** Options of the client for `--contrail-api`: fixed URLs, or a Service whose ready addresses are asked for anew. */
export async function contrailEndpoints(
  settings: ContrailSettings,
  { freshMs = 0, ...access }: EndpointAccess,
): Promise<ContrailClientOptions> {
  const { contrailApi, contrailToken, contrailCa } = settings;
  const login = contrailToken === '' ? {} : { token: contrailToken };
  const trust = contrailCa === '' ? {} : { ca: await readFile(contrailCa, 'utf8') };
  const reference = serviceReference(contrailApi);
  if (reference === undefined) {
    const urls = contrailApi.split(',').map((url) => url.trim());
    return { ...login, ...trust, endpoints: async () => urls };
  }
  const { namespace, service, portName } = reference;
  const named = portName === undefined ? access : { ...access, portName };
  const scheme = contrailCa === '' ? 'http' : 'https';
  let known: { readonly at: number; readonly urls: readonly string[] } | undefined;
  return {
    ...login,
    ...trust,
    serverName: `${service}.${namespace}.svc`,
    endpoints: async () => {
      if (known === undefined || performance.now() - known.at >= freshMs) {
        const addresses = await resolveService(namespace, service, named);
        known = { at: performance.now(), urls: addresses.map((address) => `${scheme}://${address}`) };
      }
      return known.urls;
    },
  };
}
