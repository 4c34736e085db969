/** ADD and DEL of a pod whose port is ready, against the Go reference plugins `bridge` with `host-local`. */
import { join } from 'node:path';
import { run as command } from '../test/lab/command.ts';
import { openLab } from '../test/lab/handle.ts';
import type { LabHandle } from '../test/lab/handle.ts';
import { machineCommand } from '../test/lab/machine.ts';
import { bringUp } from '../test/lab/up.ts';
import type { Measured, Times } from './cni-inside.ts';
import { percentile, ratioLine } from './statistics.ts';

const NODE = 'n1';
const NAMESPACE = 'bench-cni';
const ROUNDS = 40;
const PLUGINS = '/opt/cni/bin';
const REFERENCE_PLUGINS = '/usr/lib/cni';
const CONFIGURATION = '/etc/cni/net.d/10-opencontrail.conflist';

/** Measures both in turn, twice, on a node of the lab; medians and tails of all rounds. */
export async function run(): Promise<readonly string[]> {
  await bringUp({ bare: false });
  const lab = openLab();
  try {
    const ours = await ourPlugin(lab);
    const reference = referencePlugin();
    await time({ ...ours, rounds: 5 });
    await time({ ...reference, rounds: 5 });
    const times = { ours: [await time(ours)], reference: [await time(reference)] };
    times.ours.push(await time(ours));
    times.reference.push(await time(reference));
    return (['add', 'del'] as const).flatMap((verb) =>
      [0.5, 0.99].map((p) => {
        const of = (all: readonly Times[]): number =>
          percentile(
            all.flatMap((each) => each[verb]),
            p,
          );
        return ratioLine(`${verb.toUpperCase()} p${p * 100}`, of(times.ours), of(times.reference), 'ms');
      }),
    );
  } finally {
    await lab.exec(NODE, ['ip', 'link', 'del', 'ocbench0']);
    await lab.cleanup();
  }
}

/** A running pod's further sandboxes: each takes the pod's port over, as after a sandbox has failed. */
async function ourPlugin(lab: LabHandle): Promise<Measured> {
  await lab.createNamespace(NAMESPACE);
  const spec = { nodeName: NODE, containers: [{ name: 'idle', image: 'busybox:lab', command: ['sleep', '100000'] }] };
  await lab.apply([{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'pod', namespace: NAMESPACE }, spec }]);
  await lab.podsReady(NAMESPACE);
  const uid = await lab.kubectl(['get', 'pod', '-n', NAMESPACE, 'pod', '-o', 'jsonpath={.metadata.uid}']);
  const { stdout } = await lab.exec(NODE, ['cat', CONFIGURATION]);
  // Written by our own agent: a CNI configuration list whose first plugin is ours.
  const list = JSON.parse(stdout) as { cniVersion: string; name: string; plugins: [object] };
  return {
    plugin: join(PLUGINS, 'opencontrail-cni'),
    path: PLUGINS,
    config: { cniVersion: list.cniVersion, name: list.name, ...list.plugins[0] },
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
  const [program, ...args] = machineCommand(NODE, [
    process.execPath,
    join(import.meta.dirname, 'cni-inside.ts'),
    JSON.stringify(measured),
  ]);
  return JSON.parse((await command(program, args)).stdout) as Times;
}
