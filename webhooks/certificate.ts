/** Where the server's certificate comes from: two files, followed as they change, or the Secrets that certs/ keeps. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CertificateSettings } from '../certs/ensure.ts';
import type { Pair } from '../certs/issue.ts';
import { keepCertificates } from '../certs/keeper.ts';
import type { KubeClient } from '../kubernetes/client.ts';
import { messageOf } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';

interface CertificateUser {
  /** Called with every certificate found, changed or not. */
  readonly onPair: (pair: Pair) => void;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** Files are looked at this often: a stat costs nothing, and notification fails on the kubelet's symbolic links. */
const FILES_INTERVAL_MS = 5000;

/** Follows a certificate and a key in files until `signal` is aborted. */
export async function followFiles(cert: string, key: string, { onPair, signal, log }: CertificateUser): Promise<void> {
  while (!signal.aborted) {
    try {
      onPair({ cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') });
    } catch (error) {
      log.warn({ cert, key, reason: messageOf(error) }, 'the certificate cannot be read');
    }
    await sleep(FILES_INTERVAL_MS, undefined, { signal }).catch(() => undefined); // Aborted: the loop ends.
  }
}

/** Keeps the installation's certificates and follows the webhooks' own among them, until `signal` is aborted. */
export async function followSecrets(
  settings: CertificateSettings & { readonly secret: string; readonly intervalMs: number },
  { onPair, signal, log, client }: CertificateUser & { readonly client: KubeClient },
): Promise<void> {
  const onPass = ({ leaves }: { readonly leaves: ReadonlyMap<string, Pair> }): void => {
    const leaf = leaves.get(settings.secret);
    if (leaf !== undefined) onPair(leaf);
  };
  await keepCertificates(settings, { client, now: Date.now, log, signal, onPass }, settings.intervalMs);
}
