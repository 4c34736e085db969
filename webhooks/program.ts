/** Wires the webhooks program: cache, certificates, server. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { factsOf } from '../certs/pem.ts';
import type { Pair } from '../certs/issue.ts';
import { certificateSettings } from '../certs/settings.ts';
import { createNames } from '../contrail/names.ts';
import { createReflector, type ReflectorOptions } from '../kubernetes/cache.ts';
import {
  ATTACHMENT_DEFINITIONS,
  type SlimAttachmentDefinition,
  slimAttachmentDefinition,
} from '../kubernetes/attachment-definition.ts';
import { createCacheMetrics } from '../kubernetes/cache-metrics.ts';
import { createKubeClient, type KubeClient } from '../kubernetes/client.ts';
import { slimNamespace } from '../kubernetes/objects.ts';
import { type SlimVirtualNetwork, slimVirtualNetwork, VIRTUAL_NETWORKS } from '../kubernetes/virtual-network.ts';
import type { SettingsValues } from '../runtime/config.ts';
import type { ReadinessCheck } from '../runtime/health.ts';
import type { Lifecycle } from '../runtime/lifecycle.ts';
import type { Logger } from '../runtime/log.ts';
import { createRegistry } from '../runtime/metrics.ts';
import { type AddressHolder, addressHolder, createAddressBook } from './address-book.ts';
import { createApp } from './app.ts';
import { callerBy } from './caller.ts';
import { withChain } from './chained-view.ts';
import { followFiles, followSecrets } from './certificate.ts';
import { createWebhookMetrics, type WebhookMetrics } from './metrics.ts';
import { createTlsServer, type TlsServer } from './server.ts';
import type { SETTINGS } from './settings.ts';
import { createPermissions } from './permission.ts';
import { withPermissions } from './permitted-view.ts';
import { createView } from './view.ts';

type Flags = SettingsValues<typeof SETTINGS>;

/** Starts everything; resolves once the server listens, with its port. */
export async function startWebhooks(
  flags: Flags,
  { signal, onClose }: Lifecycle,
  log: Logger,
): Promise<{ readonly port: number }> {
  const registry = createRegistry();
  const metrics = createWebhookMetrics(registry);
  const client = createKubeClient({ kubeconfig: flags.kubeconfig, apiServer: flags.kubernetesApi });
  const shared = { client, signal, log, metrics: createCacheMetrics(registry) };
  const namespaces = createReflector({ ...shared, path: '/api/v1/namespaces', project: slimNamespace });
  const { definitions, virtualNetworks } = watchNetworks(shared);
  const addresses = createAddressBook();
  createReflector<AddressHolder>({ ...shared, path: '/api/v1/pods', project: addressHolder, onChange: addresses.take });
  const names = createNames({ cluster: flags.clusterName, domain: flags.domain });
  const context = {
    clusterName: flags.clusterName,
    defaultMode: flags.defaultMode,
    names,
    foreignElsewhere: flags.metaPlugin === 'multus',
  };
  const { podCidrs, probeAddresses: probesByAddress } = flags;
  const clientCa = flags.clientCa === '' ? undefined : await readFile(flags.clientCa, 'utf8');
  const checks: ReadinessCheck[] = [
    { name: 'namespaces', unready: () => (namespaces.synced ? undefined : 'not listed yet') },
    { name: 'stopping', unready: () => (signal.aborted ? 'on its way out' : undefined) },
  ];
  const forbidden = createPermissions({ client, virtualNetworks });
  const caches = { namespaces, definitions, virtualNetworks, addresses, client };
  const seen = createView({ ...caches, context, podCidrs, probesByAddress });
  const view = withChain(withPermissions(seen, forbidden), client);
  const app = createApp({ view, checks, registry, metrics, log, caller: callerBy(clientCa) });
  const server = createTlsServer(app, { ...flags.listen, ...(clientCa === undefined ? {} : { clientCa }) });
  void followCertificate(flags, { server, client, metrics, signal, log });
  onClose('server', async () => {
    await sleep(flags.drainSeconds * 1000);
    await server.close();
  });
  const listening = await server.listening;
  log.info({ ...flags.listen, ...listening }, 'serving');
  return listening;
}

type Watching = Omit<ReflectorOptions<unknown>, 'path' | 'project' | 'onChange'>;

/** Networks that are resources of a definition's, which may not be installed. */
function watchNetworks(shared: Watching) {
  const custom = { ...shared, mayBeUnknown: true };
  return {
    definitions: createReflector<SlimAttachmentDefinition>({
      ...custom,
      path: ATTACHMENT_DEFINITIONS,
      project: slimAttachmentDefinition,
    }),
    virtualNetworks: createReflector<SlimVirtualNetwork>({
      ...custom,
      path: VIRTUAL_NETWORKS,
      project: slimVirtualNetwork,
    }),
  };
}

interface CertificateDeps {
  readonly server: TlsServer;
  readonly client: KubeClient;
  readonly metrics: WebhookMetrics;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

async function followCertificate(
  flags: Flags,
  { server, client, metrics, signal, log }: CertificateDeps,
): Promise<void> {
  const onPair = (pair: Pair): void => {
    if (!server.use(pair)) log.warn('the certificate and its key are not a pair; the last good ones stay');
    else metrics.certificate(factsOf(pair.cert)?.notAfter ?? 0);
  };
  if (flags.tlsCert !== '') return await followFiles(flags.tlsCert, flags.tlsKey, { onPair, signal, log });
  const { namespace, name } = flags.tlsSecret;
  const settings = {
    ...certificateSettings({ ...flags, namespace, webhooksSecret: name }),
    secret: name,
    intervalMs: flags.certsInterval * 1000,
  };
  await followSecrets(settings, { onPair, signal, log, client });
}
