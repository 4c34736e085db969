/** Uninstalling leaves no trace on the nodes; preflight refuses what cannot work; installing again works. */
import { run } from '../lab/command.ts';
import type { LabHandle } from '../lab/handle.ts';
import { install, productNamespace } from '../lab/install.ts';
import { binary } from '../lab/paths.ts';
import type { Reporter } from './reporter.ts';

const NAMESPACE = 'uninstall-suite';
/** A listener on a port of ours, in the node's network: it ends with the suite. */
const HOLD_PORT =
  'socat TCP-LISTEN:9090,reuseaddr,fork SYSTEM:true </dev/null >/dev/null 2>&1 & echo $! > /run/held-port';
const FREE_PORT = 'kill $(cat /run/held-port); rm -f /run/held-port';
const FOREIGN = '/etc/cni/net.d/05-other.conflist';

/** Prints a line for everything of the product that is on a node. */
const TRACES = [
  'ls -d /etc/cni/net.d/10-opencontrail.conflist /opt/cni/bin/opencontrail-cni /run/opencontrail 2>/dev/null',
  'find /var/lib/opencontrail -mindepth 1 2>/dev/null',
  'nft list tables | grep opencontrail',
  'for f in -4 -6; do ip $f rule show | grep "proto 79"; ip $f route show table all proto 79; done',
  'ip -o link show | grep -E "tap[0-9a-f]{11}|ocvx0"',
  'grep -l 2 /proc/sys/net/ipv6/conf/*/accept_ra',
  'ip rule show | grep -q "^0:.*lookup local" || echo "the local table is not looked up first"',
].join('; ');

const CLUSTER_KINDS = [
  'clusterroles',
  'clusterrolebindings',
  'mutatingwebhookconfigurations',
  'validatingwebhookconfigurations',
  'validatingadmissionpolicies',
  'validatingadmissionpolicybindings',
].join(',');

/** Run by `npm run e2e -- uninstall`; it takes the product away and installs it again. */
export async function suite(lab: LabHandle, report: Reporter): Promise<void> {
  await lab.createNamespace(NAMESPACE);
  await lab.apply(lab.nodes.map(podOn));
  await lab.podsReady(NAMESPACE);
  report.equal('a node that serves has traces', (await traces(lab, lab.nodes[0] ?? '')).length > 5, true);
  await report.check(
    'helm uninstall succeeds',
    async () => await helm(lab, ['uninstall', 'opencontrail', '--timeout', '3m']),
  );
  for (const node of lab.nodes) report.equal(`nothing of the product is left on ${node}`, await traces(lab, node), []);
  await nothingInTheCluster(lab, report);
  await refusesAnotherCni(lab, report);
  await refusesPodSecurity(lab, report);
  // A pod whose interface went with the product gets one with its next sandbox only; without a CNI it cannot even end.
  await lab.kubectl(['delete', 'pods', '-n', 'kube-system', '-l', 'k8s-app=kube-dns', '--now', '--wait=false']);
  await lab.kubectl(['delete', 'pods', '-n', NAMESPACE, '--all', '--now', '--wait=false']);
  await report.check('the product installs again', async () => await install(lab));
  await report.check(
    'pods that could not end without it do',
    async () =>
      await lab.waitFor(
        'them to be gone',
        async () => (await lab.kubectl(['get', 'pods', '-n', NAMESPACE, '-o', 'name'])) === '',
      ),
  );
  await lab.apply(lab.nodes.map(podOn));
  await report.check('pods start again', async () => await lab.podsReady(NAMESPACE));
}

function podOn(nodeName: string): object {
  const container = { name: 'pod', image: 'docker.io/library/busybox:lab', imagePullPolicy: 'Never' };
  const metadata = { name: `on-${nodeName}`, namespace: NAMESPACE };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata,
    spec: { nodeName, terminationGracePeriodSeconds: 0, containers: [container] },
  };
}

async function traces(lab: LabHandle, node: string): Promise<readonly string[]> {
  const { stdout } = await lab.exec(node, ['sh', '-c', TRACES]);
  return stdout.split('\n').filter((line) => line !== '');
}

async function nothingInTheCluster(lab: LabHandle, report: Reporter): Promise<void> {
  const ours = ['-l', 'app.kubernetes.io/name=opencontrail', '-o', 'name'];
  report.equal('no cluster-wide object is left', await lab.kubectl(['get', CLUSTER_KINDS, ...ours]), '');
  const kinds = 'pods,deployments,statefulsets,daemonsets,jobs,services,secrets,roles,rolebindings';
  report.equal('the namespace is empty', await lab.kubectl(['get', kinds, '-n', productNamespace, '-o', 'name']), '');
}

/** What an attempt to install says. */
async function attempt(lab: LabHandle): Promise<string> {
  return await install(lab).then(
    () => 'installed',
    (error: unknown) => String(error),
  );
}

/** Without this Helm would wait in silence for pods that nobody lets in. */
async function refusesPodSecurity(lab: LabHandle, report: Reporter): Promise<void> {
  const label = 'pod-security.kubernetes.io/enforce';
  await lab.kubectl(['label', 'namespace', productNamespace, `${label}=restricted`]);
  const outcome = await attempt(lab);
  await lab.kubectl(['label', 'namespace', productNamespace, `${label}-`]);
  const mend = `kubectl label namespace ${productNamespace} --overwrite ${label}=privileged`;
  report.equal('an installation that pod security forbids is refused, with the mend', outcome.includes(mend), true);
}

/** Another network's configuration, and a program that holds a port of ours. */
async function refusesAnotherCni(lab: LabHandle, report: Reporter): Promise<void> {
  const node = lab.nodes[0] ?? '';
  await lab.exec(node, ['sh', '-c', `echo '{"name":"other","plugins":[]}' > ${FOREIGN}`]);
  await lab.exec(node, ['sh', '-c', HOLD_PORT]);
  try {
    const outcome = await attempt(lab);
    report.equal(
      'an installation beside another CNI is refused, with the node, the file, the port and the mend',
      {
        node: outcome.includes(`FAILED ${node} otherCni`),
        file: outcome.includes('05-other.conflist'),
        port: outcome.includes(`FAILED ${node} hostPorts: port 9090/tcp`),
        mend: outcome.includes('preflight.ignore'),
      },
      { node: true, file: true, port: true, mend: true },
    );
    report.equal(
      'and nothing of it was installed',
      await lab.kubectl(['get', 'daemonsets', '-n', productNamespace, '-o', 'name']),
      '',
    );
  } finally {
    await lab.exec(node, ['sh', '-c', `rm -f ${FOREIGN}; ${FREE_PORT}`]);
  }
}

async function helm(lab: LabHandle, args: readonly string[]): Promise<void> {
  await run(binary('helm'), [...args, '--namespace', productNamespace], { env: { KUBECONFIG: lab.kubeconfig } });
}
