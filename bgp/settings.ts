/** The speaker's flags and environment. */
import { z } from 'zod';
import type { ProgramDescription, Settings, SettingsValues } from '../runtime/config.ts';

export const PROGRAM: ProgramDescription = {
  name: 'bgp',
  summary: 'Announces what its node serves, and learns routes, by a BIRD of its own. One on each node.',
  example: 'bgp --kubeconfig ~/.kube/config --node n1 --node-ip 192.0.2.1 --folder /tmp/bgp',
};

const text = z.string();
const list = text.transform((value) => value.split(',').filter((item) => item !== ''));

export const SETTINGS = {
  node: { describe: 'name of this node', schema: text.min(1), env: ['NODE_NAME'] },
  nodeIp: { describe: 'address of this node', schema: text.min(1), env: ['NODE_IP'] },
  namespace: { describe: 'namespace that these programs run in', schema: text.min(1), default: 'opencontrail' },
  kubeconfig: { describe: 'kubeconfig file; empty: the service account', schema: text, default: '' },
  kubernetesApi: {
    describe: 'API server by an address that needs no ClusterIP; empty with --kubeconfig',
    schema: text,
    default: '',
    env: ['KUBERNETES_API'],
  },
  vrouter: {
    describe: 'URL of the port API of this node’s vRouter',
    schema: z.url(),
    default: 'http://127.0.0.1:9091',
  },
  podCidrs: { describe: 'subnets of pods, which are never learnt', schema: list, default: '' },
  serviceCidrs: { describe: 'subnets of services, which are never learnt', schema: list, default: '' },
  folder: {
    describe: 'folder of BIRD’s files, which hold passwords',
    schema: text.min(1),
    default: '/run/opencontrail/bgp',
  },
  passwordDir: {
    describe: 'folder in which the Secret of passwords is mounted',
    schema: text,
    default: '/etc/opencontrail/bgp',
  },
  passwordSecret: { describe: 'name of that Secret, for messages', schema: text, default: 'bgp-passwords' },
  interval: {
    describe: 'seconds between two looks at what the vRouter serves, and at the sessions',
    schema: z.coerce.number().positive(),
    default: '0.5',
  },
  listen: {
    describe: 'host:port of probes and metrics',
    schema: text.regex(/^.*:\d+$/, 'is no host:port'),
    default: '127.0.0.1:9095',
  },
  logLevel: { describe: 'debug, info, warn, error or silent', schema: text, default: 'info' },
} as const satisfies Settings;

export type BgpSettings = SettingsValues<typeof SETTINGS>;
