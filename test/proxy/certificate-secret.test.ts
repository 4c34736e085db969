/** What Secrets are good for, judged before HAProxy sees them. */
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { createAuthority, issueServing } from '../../certs/issue.ts';
import { contentOf } from '../../proxy/certificate-secret.ts';

const validity = { now: Date.now(), days: 1 };
const authority = createAuthority('test', validity);
const [one, two] = ['one.example', 'two.example'].map((name) => issueServing(authority, [name], validity));

function secret(data: Readonly<Record<string, string>>) {
  const encoded = Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')]);
  const metadata = { name: 'web', namespace: 'shop', uid: '1', resourceVersion: '1' };
  return { metadata, data: Object.fromEntries(encoded) as object };
}

describe('a Secret', () => {
  test('that is not there is absent', () => {
    expect(contentOf(undefined)).toEqual({ kind: 'absent' });
  });

  test('with a chain and its key is a certificate, whatever stands between', () => {
    const chain = `Bag Attributes\n${one!.cert}junk\n${authority.cert}`;
    const content = contentOf(secret({ 'tls.crt': chain, 'tls.key': one!.key }));
    const pem = content.kind === 'certificate' ? content.pem : '';
    expect(pem.match(/BEGIN [A-Z ]+/g)).toEqual(['BEGIN CERTIFICATE', 'BEGIN CERTIFICATE', 'BEGIN PRIVATE KEY']);
    expect(pem).not.toContain('junk');
  });

  const { privateKey: short } = generateKeyPairSync('rsa', {
    modulusLength: 1024,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  });

  test.each([
    ['without data', {}, 'no certificate with its key'],
    ['with text that is no certificate', { 'tls.crt': 'x', 'tls.key': one!.key }, 'holds no certificate'],
    ['without a key', { 'tls.crt': one!.cert }, 'with its key'],
    ['with another one’s key', { 'tls.crt': one!.cert, 'tls.key': two!.key }, 'another one’s key'],
    ['with a short key', { 'tls.crt': one!.cert, 'tls.key': short }, 'another one’s key'],
  ])('%s is invalid', (_what, data, why) => {
    expect(contentOf(secret(data))).toMatchObject({ kind: 'invalid', why: expect.stringContaining(why) });
  });
});
