/** `kubectl contrail ipam check`: clean after ordinary life, names what does not agree, and mends what is safe to mend. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCluster } from '../../cli/reach/cluster.ts';
import { type Installation, openInstallation } from '../../cli/reach/config-api.ts';
import { apply } from '../../contrail/apply.ts';
import { desiredPod, podInterfaceUuid } from '../../contrail/desired/pod.ts';
import { createNames } from '../../contrail/names.ts';
import { plan } from '../../contrail/plan.ts';
import { contrailCommand } from './command-line.ts';
import type { LabHandle } from '../lab/handle.ts';
import { idle, podManifest, podsOf, portAddress } from './pods.ts';
import type { Reporter } from './reporter.ts';

const SHARED = 'ipam-shared';
const ISOLATED = 'ipam-isolated';
const GHOST = { uid: '11111111-2222-4333-8444-555555555555', name: 'ghost' };
const CHECK = ['ipam', 'check', '--settle', '2', '--json'];
const names = createNames({ cluster: 'k8s', domain: 'default-domain' });

/** Run by `npm run e2e -- ipam`. */
export async function suite(lab: LabHandle, report: Reporter): Promise<void> {
  const cluster = await openCluster({ kubeconfig: lab.kubeconfig, context: '', productNamespace: 'opencontrail' });
  const installation = await openInstallation(cluster);
  try {
    await ordinaryLife(lab, report);
    await brokenAndMended(lab, report, installation);
    await byAnOperator(lab, report);
  } finally {
    installation.contrail.close();
    cluster.close();
  }
}

async function ordinaryLife(lab: LabHandle, report: Reporter): Promise<void> {
  await lab.createNamespace(SHARED);
  await lab.createNamespace(ISOLATED, { annotations: { 'opencontrail.org/isolation': 'true' } });
  const [near = '', far = near] = lab.nodes;
  const brief = { name: 'main', image: 'docker.io/library/busybox:lab', imagePullPolicy: 'Never', command: ['true'] };
  await lab.apply([
    podManifest({ namespace: SHARED, name: 'near', node: near }, idle),
    podManifest({ namespace: SHARED, name: 'far', node: far }, idle),
    podManifest({ namespace: ISOLATED, name: 'far', node: far }, idle),
    podManifest({ namespace: SHARED, name: 'brief', node: near }, brief),
  ]);
  await lab.podsReady(SHARED, ['near', 'far']);
  await lab.podsReady(ISOLATED);
  await lab.waitFor('a pod that runs to its end', async () => {
    const pods = await podsOf(lab, SHARED);
    return pods.some(({ metadata, status }) => metadata.name === 'brief' && status.phase === 'Succeeded');
  });
  const { code, answer } = await check(lab);
  report.equal('ordinary life is clean, also with a pod that has run to its end', answer?.findings, []);
  report.equal('and that is exit code 0', code, 0);
  report.equal('every node was asked', answer?.compared.nodes.toSorted(), [...lab.nodes].sort());
}

async function brokenAndMended(lab: LabHandle, report: Reporter, { contrail }: Installation): Promise<void> {
  const before = (await podsOf(lab, SHARED)).find(({ metadata }) => metadata.name === 'near');
  if (before === undefined) throw new Error('the pod is gone');
  // First, so that it is not given the address that is taken away below.
  await makeGhost(lab, contrail);
  const vmi = podInterfaceUuid(before.metadata.uid, 'eth0');
  for (const { uuid } of await contrail.list('instance-ip', { backRefId: vmi }))
    await contrail.delete('instance-ip', uuid);
  const broken = await check(lab);
  report.equal(
    'what the config database has lost, and what it holds for a pod that is gone, is named',
    broken.answer?.findings.map(({ problem, place, holder }) => `${problem} ${place} ${holder}`).toSorted(),
    [
      `differs config Pod/${SHARED}/near`,
      `differs kernel Pod/${SHARED}/near`,
      `leaked config Pod/${SHARED}/${GHOST.name}`,
    ],
  );
  report.equal('and that is exit code 1', broken.code, 1);
  const mended = await check(lab, ['--repair']);
  report.equal('--repair mends both', mended.answer?.findings, []);
  report.equal('and says what it did', mended.answer?.repaired.toSorted(), [
    `Pod/${SHARED}/${GHOST.name}`,
    `Pod/${SHARED}/near`,
  ]);
  const again = await contrail.list('instance-ip', { backRefId: vmi, detail: true });
  report.equal(
    'the running pod has the address again that it had',
    again.map(({ instance_ip_address: address }) => address),
    [portAddress(before)],
  );
}

/** The objects of a pod that Kubernetes does not have, as a lost event would leave them. */
async function makeGhost(lab: LabHandle, contrail: Installation['contrail']): Promise<void> {
  const fqName = names.virtualRouter(lab.nodes[0] ?? '');
  const uuid = (await contrail.fqNameToUuid('virtual-router', fqName)) ?? '';
  const port = { name: 'eth0', network: names.clusterPodNetwork, label: 'default', addresses: [] };
  const desired = desiredPod(
    {
      namespace: SHARED,
      ...GHOST,
      labels: {},
      virtualRouter: { type: 'virtual-router', uuid, fq_name: fqName },
      interfaces: [{ ...port, families: ['v4'] }],
    },
    { cluster: 'k8s', names },
  );
  await apply(plan(desired, []), { client: contrail, signal: AbortSignal.timeout(30_000) });
}

/** Somebody who is no cluster-admin: with the chart's roles it works, without them it is refused in words. */
async function byAnOperator(lab: LabHandle, report: Reporter): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'oc-operator-'));
  lab.onCleanup(async () => rmSync(folder, { recursive: true }));
  const kubeconfig = join(folder, 'kubeconfig');
  await lab.kubectl(['create', 'serviceaccount', 'operator', '-n', SHARED]);
  const token = (await lab.kubectl(['create', 'token', 'operator', '-n', SHARED])).trim();
  const config = JSON.parse(await lab.kubectl(['config', 'view', '--raw', '-o', 'json'])) as { users: object[] };
  config.users = config.users.map((user) => ({ ...user, user: { token } }));
  writeFileSync(kubeconfig, JSON.stringify(config), { mode: 0o600 });

  const refused = await contrailCommand([...CHECK, '--kubeconfig', kubeconfig]);
  report.equal('without rights it is refused', refused.code, 3);
  report.equal('and says who may not do what', /operator.* cannot get/.test(refused.stderr), true);
  const account = `--serviceaccount=${SHARED}:operator`;
  const binding = 'ipam-suite-operator';
  lab.onCleanup(() => lab.kubectl(['delete', 'clusterrolebinding', binding, '--ignore-not-found']));
  lab.onCleanup(() => lab.kubectl(['delete', 'rolebinding', binding, '-n', 'opencontrail', '--ignore-not-found']));
  await lab.kubectl(['create', 'clusterrolebinding', binding, '--clusterrole=opencontrail-operator', account]);
  await lab.kubectl(['create', 'rolebinding', binding, '-n', 'opencontrail', '--role=operator', account]);
  const allowed = await contrailCommand([...CHECK, '--kubeconfig', kubeconfig]);
  report.equal('with the operator roles it works', [allowed.code, allowed.stderr], [0, '']);
}

interface Answer {
  readonly compared: { readonly nodes: readonly string[] };
  readonly findings: readonly { readonly problem: string; readonly place: string; readonly holder: string }[];
  readonly repaired: readonly string[];
}

async function check(lab: LabHandle, flags: readonly string[] = []) {
  const { code, stdout } = await contrailCommand([...CHECK, ...flags, '--kubeconfig', lab.kubeconfig]);
  return { code, answer: stdout === '' ? undefined : (JSON.parse(stdout) as Answer) };
}
