/** Where the config API is, from the settings. */
import { readFile } from 'node:fs/promises';
import type { ContrailClientOptions } from '../contrail/client.ts';
import { resolveService, serviceReference } from '../runtime/discovery.ts';
import type { VrouterSettings } from './settings.ts';

/** Options of the client for `--contrail-api`: fixed URLs, or a Service whose ready addresses are asked for at every attempt. */
export async function contrailEndpoints(settings: VrouterSettings): Promise<ContrailClientOptions> {
  const { contrailApi, contrailToken, contrailCa, kubernetesApi } = settings;
  const login = {
    ...(contrailToken === '' ? {} : { token: contrailToken }),
    ...(contrailCa === '' ? {} : { ca: await readFile(contrailCa, 'utf8') }),
  };
  const reference = serviceReference(contrailApi);
  if (reference === undefined) {
    const urls = contrailApi.split(',').map((url) => url.trim());
    return { ...login, endpoints: async () => urls };
  }
  const { namespace, service, ...port } = reference;
  const scheme = contrailCa === '' ? 'http' : 'https';
  return {
    ...login,
    serverName: `${service}.${namespace}.svc`,
    endpoints: async () => {
      const addresses = await resolveService(namespace, service, { apiServer: kubernetesApi, ...port });
      return addresses.map((address) => `${scheme}://${address}`);
    },
  };
}
