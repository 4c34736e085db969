/** HAProxy's map and certificate lists as text. Pure. */
import { createHash } from 'node:crypto';
import type { Certificate } from '../model.ts';

/** The text of a map: a key and a value in each line. Neither may hold white space. */
export function mapText(entries: ReadonlyMap<string, string>): string {
  return [...entries].map(([key, value]) => `${key} ${value}\n`).join('');
}

/** The name of the file that holds a certificate. */
export function certificateFile({ name, pem }: Certificate): string {
  const digest = createHash('sha256').update(pem).digest('hex').slice(0, 12);
  return `${name.replace('/', '_')}-${digest}.pem`;
}

/**
 * The certificates of a listener: file, and the names it is shown for. The first is shown to who names nothing that is
 * listed, so the default leads, and its own names are no matter (`!*`, management guide, "crt-list").
 */
export function certificateList(certificates: readonly Certificate[], folder: string): string {
  const lines = certificates.map((certificate) => ({
    isDefault: certificate.hosts.includes('*'),
    text: `${folder}/${certificateFile(certificate)} ${filters(certificate.hosts)}\n`,
  }));
  return [...lines.filter((line) => line.isDefault), ...lines.filter((line) => !line.isDefault)]
    .map(({ text }) => text)
    .join('');
}

function filters(hosts: readonly string[]): string {
  const names = hosts.filter((host) => host !== '*');
  return names.length === 0 ? '!*' : names.join(' ');
}

/** Whether somebody who names no host that is listed is shown a certificate all the same. */
export function hasDefault(certificates: readonly Certificate[]): boolean {
  return certificates.some(({ hosts }) => hosts.includes('*'));
}
