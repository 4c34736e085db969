/** The speaker's flags and environment. */
import { z } from 'zod';
import { KUBERNETES_SETTINGS } from '../kubernetes/settings.ts';
import { LOG_LEVEL, probesAt } from '../runtime/common-settings.ts';
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
  ...KUBERNETES_SETTINGS,
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
  listen: probesAt('127.0.0.1:9095'),
  logLevel: LOG_LEVEL,
} as const satisfies Settings;

export type BgpSettings = SettingsValues<typeof SETTINGS>;
