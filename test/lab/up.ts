/** Brings the lab up: programs, network, control plane, nodes, images, DNS, and the product unless told otherwise. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildBinaries } from './binaries/build.ts';
import { apiSocket, controlPlane } from './control-plane.ts';
import { kubectlOf, waitFor } from './handle.ts';
import { testImages } from './image/test-images.ts';
import { install } from './install.ts';
import { ensureImage } from './load.ts';
import { alone } from './lock.ts';
import { startMachine } from './machine.ts';
import { nodeNames } from './names.ts';
import { ensureNetwork } from './network.ts';
import { node } from './node.ts';
import { labDir } from './paths.ts';
import { adminKubeconfig, ensurePki } from './pki.ts';
import { say, step } from './progress.ts';
import { freePort, insideRelay, startOutsideRelay } from './relay.ts';
import { readState, writeState } from './state.ts';
import type { LabState } from './state.ts';

/** `nodes` and `mtuBytes` count when there is no lab yet; a running lab keeps its nodes and may get more. */
export interface UpOptions {
  readonly bare: boolean;
  readonly nodes?: number;
  readonly mtuBytes?: number;
}

/** The administrator's kubeconfig of the running lab. */
export const kubeconfigPath = join(labDir, 'kubeconfig');

/** Idempotent: each step looks what is there. Interrupted anywhere, the next call goes on from there. */
export async function bringUp(options: UpOptions): Promise<void> {
  await buildBinaries();
  await alone(async () => {
    const state = await plannedState(options);
    await step('network, certificates and control plane', 8, () => startControlPlane(state));
    await step(`nodes ${state.nodes.join(', ')}`, 8, () => startNodes(state));
    if (!options.bare) await install(state.nodes);
  });
}

async function plannedState(options: UpOptions): Promise<LabState> {
  const { nodes, mtuBytes } = options;
  const state = readState() ?? { nodes: nodeNames(nodes ?? 2), apiPort: await freePort(), mtuBytes: mtuBytes ?? 1500 };
  const grown = { ...state, nodes: nodeNames(Math.max(state.nodes.length, nodes ?? 0)) };
  if (grown.nodes.length > state.nodes.length) say(`  the lab grows to ${grown.nodes.length} nodes`);
  writeState(grown);
  return grown;
}

async function startControlPlane(state: LabState): Promise<void> {
  await Promise.all([ensurePki(state.nodes), ensureNetwork(['out', ...state.nodes], state.mtuBytes)]);
  const cp = controlPlane();
  mkdirSync(labDir, { recursive: true });
  await startMachine({ ...cp, programs: [...cp.programs, insideRelay(apiSocket, '127.0.0.1:6443')] });
  await startMachine({ name: 'out', kind: 'plain', programs: [] });
  startOutsideRelay(state.apiPort, apiSocket);
  writeFileSync(kubeconfigPath, adminKubeconfig(`https://127.0.0.1:${state.apiPort}`), { mode: 0o600 });
  const kubectl = kubectlOf(kubeconfigPath);
  await waitFor('the API server', async () => (await kubectl(['get', '--raw', '/readyz'])).stdout === 'ok', {
    timeoutMs: 90_000,
    everyMs: 100,
  });
}

async function startNodes(state: LabState): Promise<void> {
  const images = await testImages();
  await Promise.all(state.nodes.map((name) => startMachine(node(name))));
  for (const { archive } of images)
    await waitFor('containerd', () => ensureImage(archive, state.nodes).then(() => true));
  const kubectl = kubectlOf(kubeconfigPath);
  await kubectl(['apply', '-f', '-'], {
    input: readFileSync(join(import.meta.dirname, 'manifests', 'coredns.yaml'), 'utf8'),
  });
  await waitFor('all nodes to register', async () => {
    const listed = (await kubectl(['get', 'nodes', '-o', 'name'])).stdout;
    return state.nodes.every((name) => listed.includes(`node/${name}\n`));
  });
}
