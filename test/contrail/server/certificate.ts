/** A self-signed certificate for a test's own server. */
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import forge from 'node-forge';

/** Writes `tls.crt` and `tls.key` for this DNS name, and for 127.0.0.1 where `isLocal`, and returns the certificate. */
export function writeCertificate(
  folder: string,
  { name, serial, isLocal }: { name: string; serial: string; isLocal?: boolean },
): string {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = forge.pki.privateKeyFromPem(privateKey.export({ type: 'pkcs1', format: 'pem' }).toString());
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.setRsaPublicKey(key.n, key.e);
  certificate.serialNumber = serial;
  certificate.validity.notAfter.setFullYear(certificate.validity.notBefore.getFullYear() + 1);
  const subject = [{ name: 'commonName', value: 'test' }];
  certificate.setSubject(subject);
  certificate.setIssuer(subject);
  const altNames = [{ type: 2, value: name }, ...(isLocal ? [{ type: 7, ip: '127.0.0.1' }] : [])];
  certificate.setExtensions([{ name: 'subjectAltName', altNames }]);
  certificate.sign(key, forge.md.sha256.create());
  const pem = forge.pki.certificateToPem(certificate);
  writeFileSync(join(folder, 'tls.crt'), pem);
  writeFileSync(join(folder, 'tls.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  return pem;
}
