/** The vRouter's flags and environment. */
import { z } from 'zod';
import { CONTRAIL_SETTINGS } from '../contrail/settings.ts';
import { LOG_LEVEL, listenAddress, METRICS_LISTEN } from '../runtime/common-settings.ts';
import type { ProgramDescription, Settings, SettingsValues } from '../runtime/config.ts';

export const PROGRAM: ProgramDescription = {
  name: 'vrouter',
  summary: 'The Linux vRouter: keeps this node’s nftables, routes and tunnel at what the config API says.',
  example: 'vrouter --node n1 --contrail-api http://127.0.0.1:18082 --port-dir /tmp/ports --state-dir /tmp/vrouter',
};

const text = z.string();

export const SETTINGS = {
  node: { describe: 'name of this node: its virtual-router’s', schema: text.min(1), env: ['NODE_NAME'] },
  nodeIp: {
    describe: 'this node’s underlay address as long as its virtual-router says none',
    schema: z.union([z.literal(''), z.ipv4(), z.ipv6()]),
    default: '',
    env: ['NODE_IP'],
  },
  ...CONTRAIL_SETTINGS,
  kubernetesApi: {
    describe: 'API server by an address that needs no ClusterIP; for kubernetes:// addresses and Leases only',
    schema: text,
    default: '',
    env: ['KUBERNETES_API'],
  },
  leaseNamespace: {
    describe:
      'namespace of the Leases that say which node translates for a router’s address; empty: nodes choose by who lives',
    schema: text,
    default: '',
  },
  listen: {
    describe: 'host:port of the port API, probes and metrics; it has no authentication',
    schema: listenAddress,
    default: '127.0.0.1:9091',
  },
  metricsListen: METRICS_LISTEN,
  portDir: {
    describe: 'where bound ports are journalled',
    schema: text.min(1),
    default: '/var/lib/opencontrail/ports',
  },
  stateDir: {
    describe: 'where the last applied table is journalled',
    schema: text.min(1),
    default: '/var/lib/opencontrail/vrouter',
  },
  vxlanPort: {
    describe: 'UDP port of the tunnel',
    schema: z.coerce.number().int().min(1).max(65_535),
    default: '4789',
  },
  mirrorPort: {
    describe: 'UDP port that copies of traffic are sent to, in VXLAN; no tunnel of this node may use it',
    schema: z.coerce.number().int().min(1).max(65_535),
    default: '8472',
  },
  heartbeatPort: {
    describe: 'UDP port by which nodes learn that another one has died, for the addresses that they answer for',
    schema: z.coerce.number().int().min(1).max(65_535),
    default: '9093',
  },
  vxlanDevice: {
    describe: 'name of the tunnel’s device',
    schema: text.regex(/^[a-z][a-z0-9-]{0,14}$/, 'is no interface name'),
    default: 'ocvx0',
  },
  verifyInterval: {
    describe: 'seconds between two comparisons with the kernel',
    schema: z.coerce.number().positive(),
    default: '30',
  },
  remove: {
    describe: 'yes: take everything of the vRouter out of the kernel, and end',
    schema: z.enum(['yes', 'no']).transform((answer) => answer === 'yes'),
    default: 'no',
  },
  logLevel: LOG_LEVEL,
} as const satisfies Settings;

export type VrouterSettings = SettingsValues<typeof SETTINGS>;
