/** Name-based UUIDs (RFC 9562, version 5), so that a retry, a replica or a rebuilt database finds its own work. */
import { createHash } from 'node:crypto';

/** The namespace of every UUID this project derives: the version 5 UUID of `opencontrail.org` in the DNS namespace. */
export const OPENCONTRAIL_NAMESPACE = uuidV5('6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'opencontrail.org');

/** The version 5 UUID of `name` in `namespace`, in the canonical lower-case form. Pure. */
export function uuidV5(namespace: string, name: string): string {
  const digest = createHash('sha1')
    .update(Buffer.from(namespace.replaceAll('-', ''), 'hex'))
    .update(name)
    .digest();
  const bytes = digest.subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
