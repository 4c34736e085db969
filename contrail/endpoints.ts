/** Where the config API is, from the settings. */
import { readFile } from 'node:fs/promises';
import type { ContrailClientOptions } from './client.ts';
import type { ContrailSettings } from './settings.ts';
import type { ApiServerAccess } from '../runtime/api-server.ts';
import { resolveService, serviceReference } from '../runtime/discovery.ts';

/** `freshMs`: how long addresses of a Service are used before they are asked for again; absent: asked at every attempt. */
interface EndpointAccess extends ApiServerAccess {
  readonly freshMs?: number;
  /** How long the authority's file is believed before it is read again. */
  readonly caFreshMs?: number;
}

/** The kubelet brings a changed Secret within two minutes, and the new authority signs only ten after it is published. */
const CA_FRESH_MS = 10_000;

/** Options of the client for `--contrail-api`: fixed URLs, or a Service whose ready addresses are asked for anew. */
export async function contrailEndpoints(
  settings: ContrailSettings,
  { freshMs = 0, caFreshMs = CA_FRESH_MS, ...access }: EndpointAccess,
): Promise<ContrailClientOptions> {
  const { contrailApi, contrailToken, contrailCa } = settings;
  const login = contrailToken === '' ? {} : { token: contrailToken };
  const trust = contrailCa === '' ? {} : { ca: await followedFile(contrailCa, caFreshMs) };
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

/** The file's text, read again when it is older than this; where it cannot be just now, what was read last. Throws at first. */
async function followedFile(file: string, freshMs: number): Promise<() => Promise<string>> {
  let text = await readFile(file, 'utf8');
  let at = performance.now();
  return async () => {
    if (performance.now() - at >= freshMs) {
      at = performance.now();
      text = await readFile(file, 'utf8').catch(() => text);
    }
    return text;
  };
}
