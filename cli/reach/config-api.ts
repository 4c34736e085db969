/** The config API of an installation: the embedded one through the API server, another one at its own address. */
import { type ContrailClient, createContrailClient } from '../../contrail/client.ts';
import type { KubeObject } from '../../kubernetes/client.ts';
import { serviceReference } from '../../runtime/discovery.ts';
import type { Cluster } from './cluster.ts';

export interface Installation {
  readonly contrail: ContrailClient;
  /** The cluster's name in Contrail. */
  readonly cluster: string;
  /** Whether the vRouters are ours, and can be asked what they hold. */
  readonly isEmbedded: boolean;
}

/**
 * Reads the installation's settings and connects. The user needs `get` on the ConfigMap `settings` and the Secrets
 * `config-api-token` and `opencontrail-config-api-tls` of the product's namespace.
 */
export async function openInstallation(cluster: Cluster): Promise<Installation> {
  const { kube, namespace } = cluster;
  const path = `/api/v1/namespaces/${namespace}`;
  const settings = await kube.get(`${path}/configmaps/settings`);
  if (settings === undefined) {
    throw new Error(`there is no OpenContrail in namespace ${namespace}: name another one by --product-namespace`);
  }
  const { OPENCONTRAIL_CONTRAIL_API: api = '', OPENCONTRAIL_CLUSTER_NAME: name = 'k8s' } = texts(settings);
  const token = texts(await kube.get(`${path}/secrets/config-api-token`))['token'];
  const login = token === undefined ? {} : { token: decoded(token) };
  if (serviceReference(api) === undefined) {
    const urls = api.split(',').map((url) => url.trim());
    return {
      contrail: createContrailClient({ ...login, endpoints: async () => urls }),
      cluster: name,
      isEmbedded: false,
    };
  }
  const authority = texts(await kube.get(`${path}/secrets/opencontrail-config-api-tls`))['ca.crt'];
  const url = `https://127.0.0.1:${await forwardedPort(cluster)}`;
  const contrail = createContrailClient({
    ...login,
    ...(authority === undefined ? {} : { ca: async () => decoded(authority) }),
    serverName: `config-api.${namespace}.svc`,
    endpoints: async () => [url],
  });
  return { contrail, cluster: name, isEmbedded: true };
}

async function forwardedPort(cluster: Cluster): Promise<number> {
  const [pod] = await cluster.podsOf('config-api');
  if (pod === undefined) {
    throw new Error(`no pod of config-api is Ready: kubectl -n ${cluster.namespace} get pods`);
  }
  return (await cluster.forward(pod.name, pod.ports['https'] ?? 8082)).port;
}

/** The entries of a ConfigMap or a Secret; none where there is no such object. */
function texts(object: KubeObject | undefined): Readonly<Record<string, string | undefined>> {
  // `data` is a map of strings in both kinds.
  return (object?.['data'] ?? {}) as Readonly<Record<string, string | undefined>>;
}

function decoded(base64: string): string {
  return Buffer.from(base64, 'base64').toString('utf8');
}
