/** The flags of preflight: of the one that asks every node, and of the one that answers for its own. */
import { z } from 'zod';
import type { Settings } from '../../runtime/config.ts';
import { NODE_TASK_SETTINGS } from '../nodes/settings.ts';
import { parseHostPort } from './ports.ts';

export const PREFLIGHT_PROGRAM = {
  name: 'preflight',
  summary: 'looks at every node before an installation and says what would make it fail',
  example: 'preflight --kubernetes-api https://192.168.1.10:6443 --image opencontrail:0.1.0',
};

const list = z.string().transform((text) => text.split(',').filter((item) => item !== ''));

const hostPorts = list.transform((items, context) =>
  items.flatMap((item) => {
    const parsed = parseHostPort(item);
    if (parsed === undefined) context.addIssue({ code: 'custom', message: `"${item}" is no host port` });
    return parsed ?? [];
  }),
);

export const PREFLIGHT_SETTINGS = {
  ...NODE_TASK_SETTINGS,
  podCidrs: { describe: 'Subnets of pods', schema: list, default: '10.32.0.0/12' },
  serviceCidrs: { describe: 'Subnets of Services', schema: list, default: '10.96.0.0/12' },
  podMtu: {
    describe: 'MTU of pods in bytes; 0: the underlay’s less 50',
    schema: z.coerce.number().int().min(0),
    default: '0',
  },
  cniConfDir: { describe: 'Where the runtime reads CNI configurations', schema: z.string(), default: '/etc/cni/net.d' },
  hostPorts: {
    describe: 'Ports of the host that must be free, <port>/<tcp or udp>=<program>[:<value of the chart>]',
    schema: hostPorts,
    default: '',
  },
  ignore: { describe: 'Checks that may fail, by name', schema: list, default: '' },
} satisfies Settings;
