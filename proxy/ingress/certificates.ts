/** The certificates that Ingresses name: each host has one, the oldest Ingress's. Pure. */
import type { IngressTls, SlimIngress } from '../../kubernetes/ingress.ts';
import type { SecretContent } from '../certificate-secret.ts';
import type { Certificate, Problem } from '../model.ts';

/** Reads a Secret by `namespace/name`; `undefined` while nobody has looked yet. */
export type Secrets = (name: string) => SecretContent | undefined;

/** The names of all Secrets that Ingresses refer to. */
export function secretsOf(ingresses: readonly SlimIngress[]): ReadonlySet<string> {
  return new Set(ingresses.flatMap(({ namespace, tls }) => tls.flatMap((each) => secretOf(namespace, each) ?? [])));
}

/** The certificates in the order of their Ingresses, each Secret once; without hosts of its own one is the default. */
export function certificatesOf(
  ingresses: readonly SlimIngress[],
  { secrets, tell }: { readonly secrets: Secrets; readonly tell: (ingress: SlimIngress, problem: Problem) => void },
): readonly Certificate[] {
  const taken = new Map<string, string>();
  const found = new Map<string, { readonly pem: string; readonly hosts: string[] }>();
  for (const { ingress, name, hosts } of wishes(ingresses)) {
    const content = secrets(name);
    if (content === undefined) continue;
    if (content.kind !== 'certificate') {
      tell(ingress, unusable(name, content));
      continue;
    }
    const certificate = found.get(name) ?? { pem: content.pem, hosts: [] };
    found.set(name, certificate);
    for (const host of hosts) {
      const holder = taken.get(host) ?? name;
      taken.set(host, holder);
      if (holder === name) certificate.hosts.push(host);
      else tell(ingress, heldBy(host, holder));
    }
  }
  return [...found].map(([name, { pem, hosts }]) => ({ name, pem, hosts: [...new Set(hosts)] }));
}

/** `*` stands for every name that has no certificate of its own. */
function wishes(ingresses: readonly SlimIngress[]) {
  return ingresses.flatMap((ingress) =>
    ingress.tls.flatMap((tls) => {
      const name = secretOf(ingress.namespace, tls);
      return name === undefined ? [] : [{ ingress, name, hosts: tls.hosts.length === 0 ? ['*'] : tls.hosts }];
    }),
  );
}

function secretOf(namespace: string, { secret }: IngressTls): string | undefined {
  return secret === '' ? undefined : `${namespace}/${secret}`;
}

function unusable(name: string, content: Exclude<SecretContent, { kind: 'certificate' }>): Problem {
  const rest = 'its hosts are not served over TLS until it holds tls.crt and tls.key';
  return content.kind === 'absent'
    ? { reason: 'SecretNotFound', message: `Secret "${name}" does not exist: ${rest}` }
    : { reason: 'SecretInvalid', message: `Secret "${name}" ${content.why}: ${rest}` };
}

function heldBy(host: string, holder: string): Problem {
  const which = host === '*' ? 'the default certificate' : `the certificate of host "${host}"`;
  return { reason: 'CertificateConflict', message: `${which} is Secret "${holder}" of an older Ingress: use that one` };
}
