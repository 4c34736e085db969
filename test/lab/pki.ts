/** Certificates and kubeconfigs of the lab's cluster, made by openssl once per lab. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './command.ts';
import { dnsDomain } from './names.ts';
import { labDir } from './paths.ts';
import { API_ADDRESSES, apiServer, type Stack } from './stack.ts';

const pki = join(labDir, 'pki');

/** The path of a certificate, key or kubeconfig: `ca.crt`, `apiserver.key`, `scheduler.kubeconfig`. */
export function pkiPath(file: string): string {
  return join(pki, file);
}

/** Makes what is missing: the CA, the API server's certificates, and a kubeconfig each for programs and nodes. */
export async function ensurePki(nodes: readonly string[], stack: Stack): Promise<void> {
  mkdirSync(pki, { recursive: true, mode: 0o700 });
  if (!existsSync(pkiPath('ca.crt'))) await authority();
  if (!existsSync(pkiPath('service-account.key'))) await serviceAccountKey();
  const names = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', `kubernetes.default.svc.${dnsDomain}`];
  const alternatives = [
    ...names.map((name) => `DNS:${name}`),
    'DNS:localhost',
    ...API_ADDRESSES.map((ip) => `IP:${ip}`),
  ];
  const clients = {
    admin: '/O=system:masters/CN=kubernetes-admin',
    'controller-manager': '/CN=system:kube-controller-manager',
    scheduler: '/CN=system:kube-scheduler',
    ...Object.fromEntries(nodes.map((node) => [node, `/O=system:nodes/CN=system:node:${node}`])),
  };
  await Promise.all([
    certificate('apiserver', '/CN=kube-apiserver', `subjectAltName=${alternatives.join(',')}`),
    certificate('apiserver-kubelet', '/O=system:masters/CN=kube-apiserver-kubelet-client'),
    ...Object.entries(clients).map(([name, subject]) => kubeconfig(name, subject, stack)),
  ]);
}

/** The administrator's kubeconfig with another address for the API server, as text. */
export function adminKubeconfig(server: string): string {
  return kubeconfigText('admin', server);
}

async function authority(): Promise<void> {
  await openssl(['req', '-x509', ...newKey('ca'), '-subj', '/CN=lab-ca', '-days', '3650', '-out', pkiPath('ca.new')]);
  renameSync(pkiPath('ca.new'), pkiPath('ca.crt'));
}

async function serviceAccountKey(): Promise<void> {
  await openssl(['genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', pkiPath('sa.new')]);
  renameSync(pkiPath('sa.new'), pkiPath('service-account.key'));
}

async function certificate(name: string, subject: string, extension?: string): Promise<void> {
  if (existsSync(pkiPath(`${name}.crt`))) return;
  const usage = ['-addext', 'basicConstraints=critical,CA:FALSE', '-addext', 'extendedKeyUsage=serverAuth,clientAuth'];
  const extensions = extension === undefined ? usage : [...usage, '-addext', extension];
  const signer = ['-CA', pkiPath('ca.crt'), '-CAkey', pkiPath('ca.key')];
  const out = ['-out', pkiPath(`${name}.new`)];
  await openssl(['req', '-x509', ...newKey(name), ...signer, '-subj', subject, '-days', '3650', ...extensions, ...out]);
  renameSync(pkiPath(`${name}.new`), pkiPath(`${name}.crt`));
}

async function kubeconfig(name: string, subject: string, stack: Stack): Promise<void> {
  await certificate(name, subject);
  writeFileSync(pkiPath(`${name}.kubeconfig`), kubeconfigText(name, `https://${apiServer(stack)}`), { mode: 0o600 });
}

/** JSON is YAML; the credentials are inside, so the file can be copied. */
function kubeconfigText(name: string, server: string): string {
  return `${JSON.stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'lab', cluster: { server, 'certificate-authority-data': base64Of('ca.crt') } }],
      users: [
        {
          name,
          user: { 'client-certificate-data': base64Of(`${name}.crt`), 'client-key-data': base64Of(`${name}.key`) },
        },
      ],
      contexts: [{ name: 'lab', context: { cluster: 'lab', user: name } }],
      'current-context': 'lab',
    },
    undefined,
    2,
  )}\n`;
}

function base64Of(file: string): string {
  return readFileSync(pkiPath(file)).toString('base64');
}

function newKey(name: string): readonly string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', pkiPath(`${name}.key`)];
}

async function openssl(args: readonly string[]): Promise<void> {
  await run('openssl', args);
}
