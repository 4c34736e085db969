/** The loop that keeps certificates in order for as long as a program runs. */
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../runtime/errors.ts';
import { type CertificateDeps, type CertificatePass, type CertificateSettings, ensureCertificates } from './ensure.ts';

/** After a failure, or while there is no configuration to publish in, the next pass comes this soon. */
const SOON_MS = 3000;

/** Runs passes until `signal` is aborted, `intervalMs` apart, telling `onPass` of each that succeeded. Never throws. */
export async function keepCertificates(
  settings: CertificateSettings,
  deps: CertificateDeps & { readonly onPass: (pass: CertificatePass) => void; readonly signal: AbortSignal },
  intervalMs: number,
): Promise<void> {
  while (!deps.signal.aborted) {
    const isSettled = await tryPass(settings, deps);
    try {
      await sleep(isSettled ? intervalMs : Math.min(intervalMs, SOON_MS), undefined, { signal: deps.signal });
    } catch {
      return; // Aborted.
    }
  }
}

async function tryPass(settings: CertificateSettings, deps: Parameters<typeof keepCertificates>[1]): Promise<boolean> {
  try {
    const pass = await ensureCertificates(settings, deps);
    deps.onPass(pass);
    return pass.publication === 'published' || pass.publication === 'none';
  } catch (error) {
    if (!deps.signal.aborted) deps.log.warn({ reason: messageOf(error) }, 'certificates could not be checked');
    return false;
  }
}
