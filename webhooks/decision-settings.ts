/** The settings that decisions are made by, in the cluster and as a function; apart from the rest, so that a function is without certificates. */
import { z } from 'zod';
import type { Setting } from '../runtime/config.ts';

const text = z.string();
const list = text.transform((value) => value.split(',').map((item) => item.trim()));

export const DECISION_SETTINGS = {
  kubernetesApi: { describe: 'The API server, https://host:port', schema: text, default: '', env: ['KUBERNETES_API'] },
  clusterName: { describe: "The cluster's name in Contrail", schema: text, default: 'k8s' },
  domain: { describe: 'The Contrail domain', schema: text, default: 'default-domain' },
  defaultMode: {
    describe: 'The mode of namespaces that ask for none: cluster, namespace or app',
    schema: z.enum(['cluster', 'namespace', 'app']),
    default: 'cluster',
  },
  podCidrs: { describe: 'The address space of pods, CIDRs separated by commas', schema: list, default: '10.32.0.0/12' },
  metaPlugin: {
    describe: "Who makes the interfaces of other plugins' definitions: none (they are refused) or multus",
    schema: z.enum(['none', 'multus']),
    default: 'none',
  },
  probeAddresses: {
    describe: "Whether nodes reach pods of users' own networks by addresses for probes: true with our own vRouter",
    schema: z.stringbool(),
    default: 'true',
  },
  logLevel: { describe: 'debug, info, warn or error', schema: text, default: 'info' },
} as const satisfies Record<string, Setting<unknown>>;
