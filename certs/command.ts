/** What the `certs` command does, as text for its standard output. */
import { type CertificateDeps, type CertificateSettings, ensureCertificates } from './ensure.ts';
import { certificatesIn, factsOf } from './pem.ts';
import { readSecret } from './secrets.ts';

/** Runs one command and yields what it prints; throws for a command there is not, and what the API server refuses. */
export async function runCommand(
  command: string,
  settings: CertificateSettings,
  deps: CertificateDeps,
): Promise<string> {
  switch (command) {
    case 'ensure':
      await ensureCertificates(settings, deps);
      return await shown(settings, deps);
    case 'rotate':
      await ensureCertificates(renewed(settings, deps.now()), deps);
      return await shown(settings, deps);
    case 'show':
      return await shown(settings, deps);
    default:
      throw new Error(`there is no command "${command}": use ensure, rotate or show`);
  }
}

function renewed(settings: CertificateSettings, now: number): CertificateSettings {
  return { ...settings, leaves: settings.leaves.map((leaf) => ({ ...leaf, madeAfter: now })) };
}

async function shown(
  { namespace, authoritySecret, leaves }: CertificateSettings,
  { client }: CertificateDeps,
): Promise<string> {
  const lines: string[] = [];
  for (const name of [authoritySecret, ...leaves.map(({ secret }) => secret)]) {
    const stored = await readSecret(client, namespace, name);
    const facts = factsOf(stored?.texts['tls.crt']);
    const trusted = certificatesIn(stored?.texts['ca.crt'] ?? '').length;
    const by = stored?.isOurs === true ? 'opencontrail' : 'somebody else';
    const rest =
      facts === undefined
        ? 'no certificate'
        : `until ${new Date(facts.notAfter).toISOString()}, trusts ${trusted}, kept by ${by}`;
    lines.push(
      `${namespace}/${name}: ${rest}${facts === undefined || facts.names.length === 0 ? '' : `\n  for ${facts.names.join(', ')}`}`,
    );
  }
  return `${lines.join('\n')}\n`;
}
