/** What a Secret holds of a certificate: only what HAProxy takes, since one that it refuses would stop all changes. Pure. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import type { KubeObject } from '../kubernetes/client.ts';
import { messageOf } from '../runtime/errors.ts';

/** A certificate with its chain and its key as one PEM text, or why there is none. */
export type SecretContent =
  | { readonly kind: 'certificate'; readonly pem: string }
  | { readonly kind: 'absent' }
  | { readonly kind: 'invalid'; readonly why: string };

const CERTIFICATES = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
/** What OpenSSL's security level 2, Debian's default, asks of a server's key. */
const SHORTEST_RSA_BITS = 2048;

/** Reads `tls.crt` and `tls.key`; what is no PEM around them is left out. */
export function contentOf(secret: KubeObject | undefined): SecretContent {
  if (secret === undefined) return { kind: 'absent' };
  try {
    const certificates = (text(secret, 'tls.crt').match(CERTIFICATES) ?? []).map((pem) => new X509Certificate(pem));
    const key = createPrivateKey(text(secret, 'tls.key'));
    const why = unusable(certificates[0], key);
    if (why !== undefined) return { kind: 'invalid', why };
    const pem = [...certificates.map(String), String(key.export({ type: 'pkcs8', format: 'pem' }))].join('');
    return { kind: 'certificate', pem };
  } catch (error) {
    return { kind: 'invalid', why: `holds no certificate with its key (${messageOf(error)})` };
  }
}

function unusable(leaf: X509Certificate | undefined, key: KeyObject): string | undefined {
  if (leaf === undefined) return 'holds no certificate';
  if (!leaf.checkPrivateKey(key)) return 'holds a certificate and another one’s key';
  const bits = key.asymmetricKeyDetails?.modulusLength ?? SHORTEST_RSA_BITS;
  return bits < SHORTEST_RSA_BITS ? `holds an RSA key of ${bits} bits, ${SHORTEST_RSA_BITS} are needed` : undefined;
}

/** A Secret's data are base64 texts by key (its API). */
function text(secret: KubeObject, key: string): string {
  const data = (secret['data'] ?? {}) as Readonly<Record<string, string>>;
  return Buffer.from(data[key] ?? '', 'base64').toString();
}
