/** The workers' flags and environment. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { createNames } from '../contrail/names.ts';
import type { Subnet } from '../contrail/objects.ts';
import { CONTRAIL_SETTINGS } from '../contrail/settings.ts';
import { KUBERNETES_SETTINGS } from '../kubernetes/settings.ts';
import { LOG_LEVEL, probesAt, seconds } from '../runtime/common-settings.ts';
import type { ProgramDescription, Settings, SettingsValues } from '../runtime/config.ts';
import type { ClusterSettings } from './cluster-settings.ts';
import { poolsOf } from './port-pools.ts';

export const PROGRAM: ProgramDescription = {
  name: 'workers',
  summary:
    'Makes Contrail match Kubernetes: watches, queues keys in Redis, and reconciles them. Any number of replicas.',
  example: 'workers --kubeconfig ~/.kube/config --contrail-api http://127.0.0.1:8082 --redis redis://127.0.0.1:6379/0',
};

const list = z.string().transform((text) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
);
const cidrs = list.transform((items, context) => items.flatMap((item) => subnetOf(item, context)));
const text = z.string();
const portPools = text.transform((value, context) => {
  const pools = poolsOf(value);
  if (pools !== undefined) return pools;
  context.addIssue('write protocol:first-last, such as tcp:56000-57023, separated by commas');
  return z.NEVER;
});

export const SETTINGS = {
  clusterName: { describe: 'name of this cluster in Contrail', schema: text.min(1), default: 'k8s' },
  domain: { describe: 'Contrail domain of the cluster', schema: text.min(1), default: 'default-domain' },
  podCidrs: { describe: 'address space of pods, CIDRs separated by commas', schema: cidrs, default: '10.32.0.0/12' },
  serviceCidrs: {
    describe: 'address space of services, as the API server has it',
    schema: cidrs,
    default: '10.96.0.0/12',
  },
  defaultMode: {
    describe: 'how namespaces that do not say are separated: cluster, namespace or app',
    schema: z.enum(['cluster', 'namespace', 'app']),
    default: 'cluster',
  },
  ipFabricSnat: {
    describe: 'true: pods go outside under their node’s address, unless their namespace says otherwise',
    schema: z.enum(['true', 'false']),
    default: 'false',
  },
  snatPorts: {
    describe:
      'ports that pods have outside under their node’s address, such as tcp:56000-57023,udp:57024-58047; empty: all, or on a Contrail controller these',
    schema: portPools,
    default: '',
  },
  ipFabricForwarding: {
    describe: 'true: the underlay routes pods’ addresses, unless their namespace says otherwise; it has precedence',
    schema: z.enum(['true', 'false']),
    default: 'false',
  },
  metaPlugin: {
    describe: 'who makes the interfaces of definitions of other plugins: none (they are refused) or multus',
    schema: z.enum(['none', 'multus']),
    default: 'none',
  },
  dns: { describe: 'addresses of the cluster DNS, separated by commas', schema: list, default: '10.96.0.10' },
  podMtu: {
    describe: 'MTU of pods in bytes; 0: the underlay of their node less 50',
    schema: z.coerce.number().int().min(0),
    default: '0',
  },
  namespace: { describe: 'namespace that these programs run in', schema: text.min(1), default: 'opencontrail' },
  ...CONTRAIL_SETTINGS,
  redis: {
    describe: 'Redis of the queue',
    schema: text.min(1),
    default: 'redis+kubernetes://opencontrail/redis:6379/0',
  },
  ...KUBERNETES_SETTINGS,
  concurrency: { describe: 'keys run at once by this replica', schema: z.coerce.number().int().min(1), default: '16' },
  resyncInterval: { describe: 'seconds between two looks at every key', schema: seconds, default: '600' },
  pruneInterval: {
    describe: 'seconds between two searches for objects whose owner is gone',
    schema: seconds,
    default: '120',
  },
  pruneGrace: {
    describe: 'seconds that such an object is left alone after it was first seen',
    schema: seconds,
    default: '120',
  },
  listen: probesAt(':9090'),
  logLevel: LOG_LEVEL,
} as const satisfies Settings;

export type WorkerSettings = SettingsValues<typeof SETTINGS>;

/** What reconciles need of the settings. Pure. */
export function clusterSettings(settings: WorkerSettings): ClusterSettings {
  const { clusterName: cluster, domain, namespace, defaultMode, dns, podMtu, metaPlugin } = settings;
  return {
    cluster,
    domain,
    ownNamespace: namespace,
    defaultMode,
    dns,
    podMtu,
    foreignElsewhere: metaPlugin === 'multus',
    names: createNames({ cluster, domain }),
    snatPorts: settings.snatPorts,
    fabric: { snat: settings.ipFabricSnat === 'true', forwarding: settings.ipFabricForwarding === 'true' },
    podSubnets: settings.podCidrs,
    serviceSubnets: settings.serviceCidrs,
  };
}

function subnetOf(item: string, context: z.RefinementCtx): readonly Subnet[] {
  const [prefix = '', length = ''] = item.split('/');
  const longest = isIP(prefix) === 6 ? 128 : 32;
  if (isIP(prefix) !== 0 && /^\d+$/.test(length) && Number(length) <= longest) {
    return [{ ip_prefix: prefix, ip_prefix_len: Number(length) }];
  }
  context.addIssue({ code: 'custom', message: `"${item}" is not a CIDR` });
  return [];
}
