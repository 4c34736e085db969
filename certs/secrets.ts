/** Certificates in Secrets: read, created and replaced so that replicas agree (the API server's 409 decides). */
import type { KubeClient, KubeObject } from '../kubernetes/client.ts';
import { hasStatus } from '../kubernetes/errors.ts';
import type { Authority, Leaf } from './policy.ts';

/** A Secret's text, and whether this project made it: one made by hand or by cert-manager is read and never written. */
export interface StoredSecret {
  readonly name: string;
  readonly isOurs: boolean;
  readonly texts: Readonly<Record<string, string>>;
  readonly resourceVersion: string;
}

/** The annotation that marks a Secret as made by this project. */
const MANAGED_ANNOTATION = 'opencontrail.org/certificates';
const MANAGED = 'managed';

/** Reads a Secret; `undefined` when there is none. */
export async function readSecret(
  client: KubeClient,
  namespace: string,
  name: string,
): Promise<StoredSecret | undefined> {
  const raw = await client.get(pathOf(namespace, name));
  return raw === undefined ? undefined : storedSecret(raw);
}

/** Writes a Secret where nobody else did since it was read; `false` means that somebody did, and the caller reads again. */
export async function writeSecret(
  client: KubeClient,
  namespace: string,
  secret: { readonly name: string; readonly texts: Readonly<Record<string, string>>; readonly replaces?: StoredSecret },
): Promise<boolean> {
  const body = secretBody(namespace, secret);
  try {
    if (secret.replaces === undefined) await client.post(`/api/v1/namespaces/${namespace}/secrets`, body);
    else await client.put(pathOf(namespace, secret.name), body);
    return true;
  } catch (error) {
    if (hasStatus(error, 409)) return false;
    throw error;
  }
}

/** The CA in a Secret; `undefined` when it holds none. */
export function authorityIn({ texts }: StoredSecret): Authority | undefined {
  const { 'tls.crt': cert, 'tls.key': key, 'ca.crt': bundle, 'next.crt': nextCert, 'next.key': nextKey } = texts;
  if (cert === undefined || key === undefined) return undefined;
  const next =
    nextCert === undefined || nextKey === undefined
      ? {}
      : { next: { cert: nextCert, key: nextKey, since: sinceOf(texts) } };
  return { current: { cert, key }, bundle: bundle ?? cert, ...next };
}

/** The Secret's text for a CA. */
export function authorityTexts({ current, next, bundle }: Authority): Readonly<Record<string, string>> {
  const nextTexts =
    next === undefined ? {} : { 'next.crt': next.cert, 'next.key': next.key, 'next.since': String(next.since) };
  return { 'tls.crt': current.cert, 'tls.key': current.key, 'ca.crt': bundle, ...nextTexts };
}

/** The serving certificate in a Secret; `undefined` when it holds none. */
export function leafIn({ texts }: StoredSecret): Leaf | undefined {
  const { 'tls.crt': cert, 'tls.key': key, 'ca.crt': bundle } = texts;
  return cert === undefined || key === undefined ? undefined : { cert, key, bundle: bundle ?? '' };
}

/** The Secret's text for a serving certificate. */
export function leafTexts({ cert, key, bundle }: Leaf): Readonly<Record<string, string>> {
  return { 'tls.crt': cert, 'tls.key': key, 'ca.crt': bundle };
}

function sinceOf(texts: Readonly<Record<string, string>>): number {
  const since = Number(texts['next.since']);
  return Number.isFinite(since) ? since : Number.POSITIVE_INFINITY;
}

function storedSecret(raw: KubeObject): StoredSecret {
  const { metadata, data } = raw as KubeObject & { readonly data?: Readonly<Record<string, string>> }; // A Secret's shape.
  const texts = Object.entries(data ?? {}).map(
    ([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')] as const,
  );
  return {
    name: metadata.name,
    isOurs: metadata.annotations?.[MANAGED_ANNOTATION] === MANAGED,
    texts: Object.fromEntries(texts),
    resourceVersion: metadata.resourceVersion,
  };
}

function secretBody(namespace: string, secret: Parameters<typeof writeSecret>[2]) {
  const data = Object.entries(secret.texts).map(([key, text]) => [key, Buffer.from(text).toString('base64')] as const);
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/tls',
    metadata: {
      namespace,
      name: secret.name,
      annotations: { [MANAGED_ANNOTATION]: MANAGED },
      labels: { 'app.kubernetes.io/part-of': 'opencontrail', 'app.kubernetes.io/managed-by': 'opencontrail-certs' },
      ...(secret.replaces === undefined ? {} : { resourceVersion: secret.replaces.resourceVersion }),
    },
    data: Object.fromEntries(data),
  };
}

function pathOf(namespace: string, name: string): string {
  return `/api/v1/namespaces/${namespace}/secrets/${name}`;
}
