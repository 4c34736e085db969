/** The flags of the webhooks program. */
import { z } from 'zod';
import { CERTIFICATE_SETTINGS, SECRETS } from '../certs/settings.ts';
import { listenAddress } from '../runtime/common-settings.ts';
import type { ProgramDescription, Setting } from '../runtime/config.ts';
import { DECISION_SETTINGS } from './decision-settings.ts';

const text = z.string();

const tlsSecret = text.transform((value, context) => {
  const [namespace = '', name = ''] = value.split('/');
  if (namespace !== '' && name !== '') return { namespace, name };
  context.addIssue({ code: 'custom', message: 'write namespace/name' });
  return z.NEVER;
});

export const PROGRAM: ProgramDescription = {
  name: 'webhooks',
  summary: 'answers the API server: assigns networks to pods and namespaces, and refuses what cannot work.',
  example: 'webhooks --kubernetes-api https://192.168.1.10:6443 --listen 0.0.0.0:9443',
};

export const SETTINGS = {
  listen: {
    describe: 'Where to serve HTTPS: webhooks, probes and metrics',
    schema: listenAddress,
    default: '0.0.0.0:9443',
  },
  kubeconfig: { describe: 'A kubeconfig file, outside of the cluster', schema: text, default: '', env: ['KUBECONFIG'] },
  tlsCert: {
    describe: 'PEM file of a certificate by hand; empty: Secrets are kept and used',
    schema: text,
    default: '',
  },
  tlsKey: { describe: 'PEM file of its key', schema: text, default: '' },
  tlsSecret: {
    describe: 'namespace/name of the Secret to serve with; made and renewed unless somebody else made it',
    schema: tlsSecret,
    default: `opencontrail/${SECRETS.webhooks}`,
  },
  clientCa: {
    describe: "PEM file of the CA that callers' certificates must be of; empty: callers need none",
    schema: text,
    default: '',
  },
  certsInterval: {
    describe: 'Seconds between looks at the certificates',
    schema: z.coerce.number().positive(),
    default: '30',
  },
  drainSeconds: {
    describe: 'Seconds to go on serving after SIGTERM, for endpoints to follow',
    schema: z.coerce.number().min(0),
    default: '5',
  },
  ...DECISION_SETTINGS,
  ...CERTIFICATE_SETTINGS,
} as const satisfies Record<string, Setting<unknown>>;
