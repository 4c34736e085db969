/** The loop that keeps certificates in order for as long as a program runs. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Complaint, createComplaint } from '../runtime/complaint.ts';
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
  const complaint = createComplaint((reason) => deps.log.warn({ reason }, 'certificates could not be checked'));
  while (!deps.signal.aborted) {
    const isSettled = await tryPass(settings, deps, complaint);
    try {
      await sleep(isSettled ? intervalMs : Math.min(intervalMs, SOON_MS), undefined, { signal: deps.signal });
    } catch {
      return; // Aborted.
    }
  }
}

async function tryPass(
  settings: CertificateSettings,
  deps: Parameters<typeof keepCertificates>[1],
  complaint: Complaint,
): Promise<boolean> {
  try {
    const pass = await ensureCertificates(settings, deps);
    complaint.over();
    deps.onPass(pass);
    return pass.publication === 'published' || pass.publication === 'none';
  } catch (error) {
    if (!deps.signal.aborted) complaint.say(messageOf(error));
    return false;
  }
}
