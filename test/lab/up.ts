/** Brings the lab up: programs, network, control plane, nodes, images, DNS, and the product unless told otherwise. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildBinaries } from './binaries/build.ts';
import { apiSocket, controlPlane } from './control-plane.ts';
import { nodeDisk } from './disk.ts';
import { kubectlOf, waitFor } from './handle.ts';
import { install } from './install.ts';
import { alone } from './lock.ts';
import { machineDir, startMachine } from './machine.ts';
import { nodeNames } from './names.ts';
import { ensureNetwork } from './network.ts';
import { node } from './node.ts';
import { labDir } from './paths.ts';
import { adminKubeconfig, ensurePki } from './pki.ts';
import { say, step } from './progress.ts';
import { freePort, insideRelay, startOutsideRelay } from './relay.ts';
import { currentBootId, kubeletsOf, readState, writeState } from './state.ts';
import type { LabState } from './state.ts';
import { addressesOf, type Stack } from './stack.ts';

/** `nodes` and `mtuBytes` count when there is no lab yet; a running lab keeps its nodes and may get more, the control plane's too. */
export interface UpOptions {
  readonly bare: boolean;
  readonly nodes?: number;
  readonly mtuBytes?: number;
  /** The control plane's machine is a node, too. */
  readonly controlNode?: boolean;
  /** IPv4, unless said otherwise. */
  readonly stack?: Stack;
}

/** The administrator's kubeconfig of the running lab. */
export const kubeconfigPath = join(labDir, 'kubeconfig');

/** Idempotent: each step looks what is there. Interrupted anywhere, the next call goes on from there. */
export async function bringUp(options: UpOptions): Promise<void> {
  await buildBinaries();
  await alone(async () => {
    const state = await plannedState(options);
    await step('network, certificates and control plane', 8, () => startControlPlane(state));
    await step(`nodes ${kubeletsOf(state).join(', ')}`, 8, () => startNodes(state));
    if (!options.bare) await install(state);
  });
}

async function plannedState({ nodes, mtuBytes, stack, controlNode }: UpOptions): Promise<LabState> {
  const before = stateOfThisBoot();
  const state = before ?? {
    nodes: nodeNames(nodes ?? 2),
    apiPort: await freePort(),
    mtuBytes: mtuBytes ?? 1500,
    bootId: currentBootId(),
    stack: stack ?? 'ipv4',
    hasControlNode: false,
  };
  if ((stack ?? state.stack) !== state.stack)
    throw new Error(`the lab that is up is ${state.stack}: npm run lab -- down first`);
  const grown = {
    ...state,
    nodes: nodeNames(Math.max(state.nodes.length, nodes ?? 0)),
    hasControlNode: state.hasControlNode || controlNode === true,
  };
  if (grown.nodes.length > state.nodes.length) say(`  the lab grows to ${grown.nodes.length} nodes`);
  writeState(grown);
  return grown;
}

/** What is left of a lab that ended with the machine was never synced to the disk: it is of no use. */
function stateOfThisBoot(): LabState | undefined {
  const state = readState();
  if (state === undefined || state.bootId === currentBootId()) return state;
  say('  the machine was started since: the lab begins anew');
  rmSync(labDir, { recursive: true, force: true });
  return undefined;
}

async function startControlPlane(state: LabState): Promise<void> {
  const { stack, mtuBytes } = state;
  await Promise.all([ensurePki(kubeletsOf(state), stack), ensureNetwork(['out', ...state.nodes], { mtuBytes, stack })]);
  const cp = controlPlane(stack);
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

function hasNoDisk(node: string): boolean {
  return !existsSync(join(machineDir(node), 'disk.img'));
}

async function startNodes(state: LabState): Promise<void> {
  const kubelets = kubeletsOf(state);
  const disk = kubelets.some(hasNoDisk) ? await nodeDisk() : undefined;
  const { stack } = state;
  await Promise.all(kubelets.map((name) => startMachine(node(name, { diskFrom: disk, stack }))));
  const kubectl = kubectlOf(kubeconfigPath);
  const manifest = readFileSync(join(import.meta.dirname, 'manifests', 'coredns.yaml'), 'utf8');
  await kubectl(['apply', '-f', '-'], { input: manifest.replace('DNS_ADDRESS', addressesOf(stack).dns) });
  await waitFor('all nodes to register', async () => {
    const listed = (await kubectl(['get', 'nodes', '-o', 'name'])).stdout;
    return kubelets.every((name) => listed.includes(`node/${name}\n`));
  });
}
