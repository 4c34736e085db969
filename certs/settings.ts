/** The flags that every program handling certificates shares, and what they mean together. */
import { z } from 'zod';
import type { Setting } from '../runtime/config.ts';
import type { CertificateSettings } from './ensure.ts';
import { DEFAULT_LIFETIMES } from './policy.ts';

const text = z.string();
const days = z.coerce.number().positive();

/** Flags of the certificates, to be spread into a program's own. */
export const CERTIFICATE_SETTINGS = {
  namespace: { describe: 'The namespace of our own Secrets and Services', schema: text, default: 'opencontrail' },
  webhooksService: { describe: 'The Service that the API server calls webhooks by', schema: text, default: 'webhooks' },
  configApiService: {
    describe: 'The Service of the config API; empty where an external one serves',
    schema: text,
    default: 'config-api',
  },
  configuration: {
    describe: 'Name of the webhook configurations whose caBundle is kept; empty: none is',
    schema: text,
    default: 'opencontrail',
  },
  san: {
    describe: 'Further names and addresses of the serving certificates, separated by commas',
    schema: text,
    default: '',
  },
  authorityDays: { describe: 'Life of a CA, in days', schema: days, default: String(DEFAULT_LIFETIMES.authorityDays) },
  leafDays: {
    describe: 'Life of a serving certificate, in days',
    schema: days,
    default: String(DEFAULT_LIFETIMES.leafDays),
  },
} as const satisfies Record<string, Setting<unknown>>;

/** The Secrets by their purpose. */
export const SECRETS = {
  authority: 'opencontrail-ca',
  webhooks: 'opencontrail-webhooks-tls',
  configApi: 'opencontrail-config-api-tls',
} as const;

/** What the flags say. */
export interface CertificateFlags {
  readonly namespace: string;
  readonly webhooksService: string;
  readonly configApiService: string;
  readonly configuration: string;
  readonly san: string;
  readonly authorityDays: number;
  readonly leafDays: number;
  /** Another name for the webhooks' Secret than ours. */
  readonly webhooksSecret?: string;
}

/** The certificates that the flags ask for. Pure. */
export function certificateSettings(flags: CertificateFlags): CertificateSettings {
  const further = flags.san
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const webhooksSecret = flags.webhooksSecret ?? SECRETS.webhooks;
  const leaves = [
    { secret: webhooksSecret, service: flags.webhooksService },
    { secret: SECRETS.configApi, service: flags.configApiService },
  ].filter(({ service }) => service !== '');
  return {
    namespace: flags.namespace,
    authoritySecret: SECRETS.authority,
    leaves: leaves.map(({ secret, service }) => ({
      secret,
      names: [...serviceNames(service, flags.namespace), ...further],
    })),
    ...(flags.configuration === '' ? {} : { publish: { configuration: flags.configuration, secret: webhooksSecret } }),
    lifetimes: { ...DEFAULT_LIFETIMES, authorityDays: flags.authorityDays, leafDays: flags.leafDays },
  };
}

/** The API server verifies `<service>.<namespace>.svc`; the longer and shorter forms are what people type. */
function serviceNames(service: string, namespace: string): readonly string[] {
  return [`${service}.${namespace}.svc`, `${service}.${namespace}.svc.cluster.local`, `${service}.${namespace}`];
}
