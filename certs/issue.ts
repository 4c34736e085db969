/** Makes certificates: a CA, and serving certificates signed by it. Keys come from OpenSSL, X.509 from node-forge. */
import { constants, generateKeyPairSync, privateEncrypt, randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import forge from 'node-forge';

/** A certificate and its private key, both PEM. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** What a certificate is made for; `now` in milliseconds since 1970. */
export interface Validity {
  readonly now: number;
  readonly days: number;
}

const DAY_MS = 86_400_000;
/** Clocks of nodes differ: a certificate is valid from an hour before it was made. */
export const BACKDATE_MS = 3_600_000;

/** A new self-signed CA that may sign serving certificates only. */
export function createAuthority(commonName: string, validity: Validity): Pair {
  const keys = newKeys();
  // Two CAs of one name would be told apart by nothing but their key identifiers; the serial makes the name unique.
  const subject = [{ name: 'commonName', value: `${commonName} ${randomBytes(4).toString('hex')}` }];
  const cert = unsigned(keys.publicKey, subject, validity);
  cert.setIssuer(subject);
  cert.setExtensions([
    { name: 'basicConstraints', cA: true, pathLenConstraint: 0, critical: true },
    { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    { name: 'subjectKeyIdentifier' },
  ]);
  return signed(cert, keys.privateKey, keys.privateKey);
}

/** A serving certificate for `names` (DNS names and IP addresses), signed by `authority`; it never outlives it. */
export function issueServing(authority: Pair, names: readonly string[], validity: Validity): Pair {
  const keys = newKeys();
  const issuer = forge.pki.certificateFromPem(authority.cert);
  const cert = unsigned(keys.publicKey, [{ name: 'commonName', value: names[0]?.slice(0, 64) ?? '' }], validity);
  if (cert.validity.notAfter > issuer.validity.notAfter) cert.validity.notAfter = issuer.validity.notAfter;
  cert.setIssuer(issuer.subject.attributes);
  cert.setExtensions([
    { name: 'basicConstraints', cA: false, critical: true },
    { name: 'keyUsage', digitalSignature: true, keyEncipherment: true, critical: true },
    { name: 'extKeyUsage', serverAuth: true },
    {
      name: 'subjectAltName',
      altNames: names.map((name) => (isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name })),
    },
    { name: 'subjectKeyIdentifier' },
    { name: 'authorityKeyIdentifier', keyIdentifier: issuer.generateSubjectKeyIdentifier().getBytes() },
  ]);
  return signed(cert, authority.key, keys.privateKey);
}

interface Keys {
  readonly publicKey: forge.pki.rsa.PublicKey;
  /** PEM. */
  readonly privateKey: string;
}

/** RSA, since node-forge signs with nothing else; made by OpenSSL, since node-forge takes seconds. */
function newKeys(): Keys {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  });
  return { publicKey: forge.pki.publicKeyFromPem(publicKey), privateKey };
}

function unsigned(
  publicKey: forge.pki.rsa.PublicKey,
  subject: forge.pki.CertificateField[],
  validity: Validity,
): forge.pki.Certificate {
  const cert = forge.pki.createCertificate();
  cert.publicKey = publicKey;
  cert.serialNumber = `01${randomBytes(15).toString('hex')}`; // A leading 01 keeps the number positive and its length fixed.
  cert.validity.notBefore = new Date(validity.now - BACKDATE_MS);
  cert.validity.notAfter = new Date(validity.now + validity.days * DAY_MS);
  cert.setSubject(subject);
  return cert;
}

function signed(cert: forge.pki.Certificate, by: string, own: string): Pair {
  const signer = { sign: (digest: forge.md.MessageDigest) => signature(by, digest) };
  // node-forge asks a key for nothing but this method, and its own takes a tenth of a second of the whole program's time.
  cert.sign(signer as unknown as forge.pki.rsa.PrivateKey, forge.md.sha256.create());
  return { cert: unixLines(forge.pki.certificateToPem(cert)), key: own };
}

/** ASN.1 DigestInfo of SHA-256 up to the digest (RFC 8017, 9.2, note 1). */
const SHA256_DIGEST_INFO = Buffer.from('3031300d060960864801650304020105000420', 'hex');

/** RSASSA-PKCS1-v1_5 of a finished digest, as the byte string that node-forge uses. */
function signature(key: string, digest: forge.md.MessageDigest): string {
  const info = Buffer.concat([SHA256_DIGEST_INFO, Buffer.from(digest.digest().getBytes(), 'latin1')]);
  return privateEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, info).toString('latin1');
}

function unixLines(pem: string): string {
  return pem.replaceAll('\r\n', '\n');
}
