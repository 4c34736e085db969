/** ADD and DEL of a pod whose port is ready, against the Go reference plugins `bridge` with `host-local`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run as command } from '../test/lab/command.ts';
import { openLab, waitFor } from '../test/lab/handle.ts';
import type { LabHandle } from '../test/lab/handle.ts';
import { machineCommand } from '../test/lab/machine.ts';
import { cluster } from '../test/lab/names.ts';
import { bringUp } from '../test/lab/up.ts';
import type { Measured, Times } from './cni-inside.ts';
import { percentile, ratioLine } from './statistics.ts';

/** The lab's outside machine becomes a node without a kubelet, so that nobody but the benchmark calls the plugin there. */
const MACHINE = 'out';
const NODE = 'bench';
const NAMESPACE = 'bench-cni';
const ROUNDS = 40;
const REFERENCE_PLUGINS = '/usr/lib/cni';

export async function run(): Promise<readonly string[]> {
  await command('npm', ['run', '-s', 'build:plugin']);
  await bringUp({ bare: false });
  const lab = openLab();
  const folder = mkdtempSync(join(tmpdir(), 'oc-bench-'));
  const children: ChildProcess[] = [];
  try {
    await joinAsNode(lab);
    children.push(...(await startPrograms(lab, folder)));
    const ours = await ourPlugin(lab, folder);
    const reference = referencePlugin();
    await time({ ...ours, rounds: 5 });
    await time({ ...reference, rounds: 5 });
    const [first, second, third, fourth] = [
      await time(ours),
      await time(reference),
      await time(ours),
      await time(reference),
    ];
    return (['add', 'del'] as const).flatMap((verb) =>
      [0.5, 0.99].map((p) =>
        ratioLine(
          `${verb.toUpperCase()} p${p * 100}`,
          percentile([...first[verb], ...third[verb]], p),
          percentile([...second[verb], ...fourth[verb]], p),
          'ms',
        ),
      ),
    );
  } finally {
    for (const child of children) child.kill('SIGTERM');
    await lab.exec(MACHINE, [
      process.execPath,
      join(lab.checkout, 'vrouter/main.ts'),
      '--node',
      NODE,
      '--contrail-api',
      'https://unused',
      '--remove',
      'yes',
    ]);
    await lab.exec(MACHINE, ['ip', 'link', 'del', 'ocbench0']);
    await lab.kubectl(['delete', 'node', NODE, '--ignore-not-found']);
    await lab.cleanup();
    rmSync(folder, { recursive: true });
  }
}

async function joinAsNode(lab: LabHandle): Promise<void> {
  const metadata = { name: NODE, labels: { 'kubernetes.io/hostname': NODE } };
  await lab.apply([{ apiVersion: 'v1', kind: 'Node', metadata, spec: { unschedulable: true } }]);
  const status = { status: { addresses: [{ type: 'InternalIP', address: lab.address(MACHINE) }] } };
  await lab.kubectl(['patch', 'node', NODE, '--subresource=status', '--type=merge', '-p', JSON.stringify(status)]);
}

async function startPrograms(lab: LabHandle, folder: string): Promise<readonly ChildProcess[]> {
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(kubeconfig, readFileSync(lab.kubeconfig, 'utf8').replace(/server: .*/, `server: ${cluster.apiServer}`));
  const secret = async (name: string, key: string): Promise<string> => {
    const text = await lab.kubectl([
      'get',
      'secret',
      '-n',
      'opencontrail',
      name,
      '-o',
      `go-template={{index .data "${key}"}}`,
    ]);
    return Buffer.from(text, 'base64').toString();
  };
  writeFileSync(join(folder, 'ca.crt'), await secret('opencontrail-config-api-tls', 'ca.crt'));
  const api = await lab.kubectl([
    'get',
    'endpointslices',
    '-n',
    'opencontrail',
    '-l',
    'kubernetes.io/service-name=config-api',
    '-o',
    'jsonpath={.items[0].endpoints[0].addresses[0]}',
  ]);
  const start = (program: string, flags: readonly string[]): ChildProcess => {
    const [enter, ...args] = machineCommand(MACHINE, [
      process.execPath,
      join(lab.checkout, program),
      '--node',
      NODE,
      '--node-ip',
      lab.address(MACHINE),
      '--log-level',
      'warn',
      ...flags,
    ]);
    return spawn(enter, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  };
  const token = await secret('config-api-token', 'token');
  const vrouter = [
    '--contrail-api',
    `https://${api}:8082`,
    '--contrail-token',
    token,
    '--contrail-ca',
    join(folder, 'ca.crt'),
    '--port-dir',
    join(folder, 'ports'),
    '--state-dir',
    join(folder, 'vrouter'),
  ];
  const agent = [
    '--kubeconfig',
    kubeconfig,
    '--socket',
    join(folder, 'cni.sock'),
    '--state-dir',
    join(folder, 'attachments'),
    '--release-dir',
    join(folder, 'releases'),
    '--cni-conf-dir',
    '',
    '--cni-bin-dir',
    '',
  ];
  return [start('vrouter/main.ts', vrouter), start('cni/agent/main.ts', agent)];
}

/** A pod that no kubelet runs, with its port assigned. */
async function ourPlugin(lab: LabHandle, folder: string): Promise<Measured> {
  await lab.createNamespace(NAMESPACE);
  const spec = { nodeName: NODE, containers: [{ name: 'none', image: 'none' }] };
  await lab.apply([{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'pod', namespace: NAMESPACE }, spec }]);
  const get = ['get', 'pod', '-n', NAMESPACE, 'pod', '-o'];
  await waitFor("the pod's port", async () => (await lab.kubectl([...get, 'json'])).includes('opencontrail.org/ports'));
  const uid = await lab.kubectl([...get, 'jsonpath={.metadata.uid}']);
  return {
    plugin: join(lab.checkout, 'dist', 'opencontrail-cni'),
    path: REFERENCE_PLUGINS,
    config: {
      cniVersion: '1.0.0',
      name: 'bench',
      type: 'opencontrail-cni',
      socket: join(folder, 'cni.sock'),
      releaseDir: join(folder, 'releases'),
    },
    args: `IgnoreUnknown=1;K8S_POD_NAMESPACE=${NAMESPACE};K8S_POD_NAME=pod;K8S_POD_UID=${uid}`,
    rounds: ROUNDS,
  };
}

function referencePlugin(): Measured {
  const ipam = { type: 'host-local', ranges: [[{ subnet: '10.41.0.0/16' }]], routes: [{ dst: '0.0.0.0/0' }] };
  return {
    plugin: join(REFERENCE_PLUGINS, 'bridge'),
    path: REFERENCE_PLUGINS,
    config: { cniVersion: '1.0.0', name: 'ocbench', type: 'bridge', bridge: 'ocbench0', isGateway: true, ipam },
    args: 'IgnoreUnknown=1',
    rounds: ROUNDS,
  };
}

async function time(measured: Measured): Promise<Times> {
  const [program, ...args] = machineCommand(MACHINE, [
    process.execPath,
    join(import.meta.dirname, 'cni-inside.ts'),
    JSON.stringify(measured),
  ]);
  return JSON.parse((await command(program, args)).stdout) as Times;
}
