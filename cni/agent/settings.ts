/** The node agent's flags. */
import { z } from 'zod';
import { KUBERNETES_SETTINGS } from '../../kubernetes/settings.ts';
import { LOG_LEVEL, listenAddress, METRICS_LISTEN, seconds } from '../../runtime/common-settings.ts';
import type { Settings } from '../../runtime/config.ts';
import { DEFAULT_RELEASE_DIR, DEFAULT_SOCKET } from '../protocol.ts';

const text = z.string();
const list = text.transform((value) =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
);
const pairs = list.transform((items, context) => {
  const wrong = items.find((item) => !/^[a-z0-9._/-]+=.+$/.test(item));
  if (wrong !== undefined) context.addIssue({ code: 'custom', message: `"${wrong}" is not name=value` });
  return Object.fromEntries(items.map((item) => [item.slice(0, item.indexOf('=')), item.slice(item.indexOf('=') + 1)]));
});
const required = z.string().min(1, 'must not be empty');

export const AGENT_PROGRAM = {
  name: 'agent',
  summary: 'the node agent: makes the interfaces of this node’s pods, asked by the CNI plugin',
  example: 'agent --node n1 --node-ip 192.168.1.11 --kubernetes-api https://192.168.1.10:6443',
};

export const AGENT_SETTINGS = {
  node: { describe: 'This node’s name', schema: required, env: ['NODE_NAME'] },
  nodeIp: { describe: 'This node’s address in the underlay', schema: required, env: ['NODE_IP'] },
  ...KUBERNETES_SETTINGS,
  clusterName: { describe: 'The cluster’s name in Contrail', schema: required, default: 'k8s' },
  domain: { describe: 'The cluster’s Contrail domain', schema: required, default: 'default-domain' },
  vrouter: { describe: 'The vRouter’s port API', schema: z.url(), default: 'http://127.0.0.1:9091' },
  socket: { describe: 'The unix socket for the plugin', schema: required, default: DEFAULT_SOCKET },
  stateDir: {
    describe: 'Where attachments are journalled',
    schema: required,
    default: '/var/lib/opencontrail/cni/attachments',
  },
  releaseDir: { describe: 'Where the plugin journals releases', schema: required, default: DEFAULT_RELEASE_DIR },
  cniConfDir: {
    describe: 'Where the CNI configuration goes; empty: it is not written',
    schema: text,
    default: '/etc/cni/net.d',
  },
  cniBinDir: { describe: 'Where the plugin goes; empty: it is not installed', schema: text, default: '/opt/cni/bin' },
  pluginFile: { describe: 'The plugin to install', schema: text, default: '/opt/opencontrail/cni/opencontrail-cni' },
  chainedPlugins: {
    describe: 'Reference plugins that run after ours where the node has them: portmap, bandwidth, tuning',
    schema: list,
    default: 'portmap,bandwidth,tuning',
  },
  podSysctls: {
    describe: 'Sysctls of pods’ network namespaces, name=value separated by commas; the plugin tuning writes them',
    schema: pairs,
    default: '',
  },
  podMtu: {
    describe: 'MTU of pods in bytes; 0: the underlay’s less 50',
    schema: z.coerce.number().int().nonnegative(),
    default: '0',
  },
  portTimeout: {
    describe: 'How long ADD waits for a pod’s port to be assigned, in seconds',
    schema: seconds,
    default: '60',
  },
  vrouterTimeout: {
    describe: 'How long ADD waits for the vRouter to program a port, in seconds',
    schema: seconds,
    default: '20',
  },
  metaPlugin: {
    describe: 'multus: one interface for each ADD, as Multus asks for them; none: all of a pod’s with its first',
    schema: z.enum(['none', 'multus']),
    default: 'none',
  },
  conflistGrace: {
    describe: 'How long the node may be unable to serve before its CNI configuration is taken away, in seconds',
    schema: seconds,
    default: '30',
  },
  listen: {
    describe: 'Where probes and metrics are served, host:port',
    schema: listenAddress,
    default: '127.0.0.1:9092',
  },
  metricsListen: METRICS_LISTEN,
  logLevel: LOG_LEVEL,
} satisfies Settings;
