/** The proxy's flags and environment. */
import { z } from 'zod';
import { KUBERNETES_SETTINGS } from '../kubernetes/settings.ts';
import { LOG_LEVEL, probesAt, seconds } from '../runtime/common-settings.ts';
import type { ProgramDescription, Settings, SettingsValues } from '../runtime/config.ts';

export const PROGRAM: ProgramDescription = {
  name: 'proxy',
  summary: 'Serves Ingresses and Gateways by a HAProxy of its own. Any number of replicas, each on a node of its own.',
  example: 'proxy --kubeconfig ~/.kube/config --folder /tmp/proxy --http-port 8080 --https-port 8443',
};

const text = z.string();
const port = z.coerce.number().int().min(1).max(65_535);
const portRange = text
  .regex(/^\d{1,5}-\d{1,5}$/, 'is no first-last')
  .transform((range) => {
    const [first = 0, last = 0] = range.split('-').map(Number);
    return { first, last };
  })
  .refine(({ first, last }) => first >= 1 && first <= last && last <= 65_535, 'is no range of ports, like 21000-21999');

export const SETTINGS = {
  namespace: { describe: 'namespace that these programs run in', schema: text.min(1), default: 'opencontrail' },
  service: {
    describe: 'name of the Service of the proxies: its addresses stand in the status of Ingresses',
    schema: text.min(1),
    default: 'proxy',
  },
  ...KUBERNETES_SETTINGS,
  folder: {
    describe: 'folder of HAProxy’s files, which hold private keys',
    schema: text.min(1),
    default: '/run/opencontrail/proxy',
  },
  httpPort: { describe: 'port for HTTP, on all addresses', schema: port, default: '80' },
  httpsPort: { describe: 'port for HTTP over TLS, on all addresses', schema: port, default: '443' },
  gatewayPorts: {
    describe:
      'first-last of the ports that HAProxy may listen at for Gateways, on all addresses; nobody else may use them',
    schema: portRange,
    default: '21000-21999',
  },
  secretInterval: {
    describe: 'seconds between two looks at each Secret that is named',
    schema: seconds,
    default: '10',
  },
  drain: {
    describe: 'seconds that a connection may outlast the configuration it was made under',
    schema: seconds,
    default: '3600',
  },
  listen: probesAt(':9094'),
  logLevel: LOG_LEVEL,
} as const satisfies Settings;

export type ProxySettings = SettingsValues<typeof SETTINGS>;
