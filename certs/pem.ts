/** Reads certificates and bundles of them. Pure. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Pair } from './issue.ts';

/** What decisions need to know of a certificate; times in milliseconds since 1970. */
export interface CertificateFacts {
  readonly fingerprint: string;
  readonly subject: string;
  readonly issuer: string;
  readonly notBefore: number;
  readonly notAfter: number;
  /** DNS names and IP addresses it is good for. */
  readonly names: readonly string[];
}

/** The facts of the first certificate in a PEM text; `undefined` where there is none that can be read. */
export function factsOf(pem: string | undefined): CertificateFacts | undefined {
  const cert = parsed(pem);
  if (cert === undefined) return undefined;
  return {
    fingerprint: cert.fingerprint256,
    subject: cert.subject.replaceAll('\n', ', '),
    issuer: cert.issuer.replaceAll('\n', ', '),
    notBefore: cert.validFromDate.getTime(),
    notAfter: cert.validToDate.getTime(),
    names: (cert.subjectAltName ?? '')
      .split(', ')
      .flatMap((entry) => /^(?:DNS|IP Address):(.+)$/.exec(entry)?.[1] ?? []),
  };
}

/** Whether a certificate was signed by an authority's key. */
export function isSignedBy(pem: string, authority: string): boolean {
  const [cert, issuer] = [parsed(pem), parsed(authority)];
  return cert !== undefined && issuer !== undefined && cert.checkIssued(issuer) && cert.verify(issuer.publicKey);
}

/** Whether certificate and key are readable and belong together. */
export function isMatchingPair({ cert, key }: Pair): boolean {
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch {
    return false; // Either is unreadable, which is the answer.
  }
}

/** The certificates of a bundle, each by itself. */
export function certificatesIn(bundle: string): readonly string[] {
  return [...bundle.matchAll(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g)].map(
    ([pem]) => `${pem}\n`,
  );
}

/** A bundle of these certificates in their order, each once, without those that ended before `now`. */
export function bundleOf(certificates: readonly string[], now: number): string {
  const seen = new Set<string>();
  const kept = certificates.flatMap(certificatesIn).filter((pem) => {
    const facts = factsOf(pem);
    if (facts === undefined || facts.notAfter <= now || seen.has(facts.fingerprint)) return false;
    seen.add(facts.fingerprint);
    return true;
  });
  return kept.join('');
}

function parsed(pem: string | undefined): X509Certificate | undefined {
  if (pem === undefined || pem === '') return undefined;
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined; // Unreadable, which is the answer.
  }
}
