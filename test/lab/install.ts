/** Builds the product's image, loads it on the nodes, installs or upgrades the chart, and waits until it serves. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './command.ts';
import type { Output } from './command.ts';
import { kubectlOf, waitFor } from './handle.ts';
import type { Image } from './image/oci.ts';
import { productImage, productRepository } from './image/product.ts';
import { ensureImage } from './load.ts';
import { binary, checkout, labDir } from './paths.ts';
import { step } from './progress.ts';
import { kubeletsOf, type LabState } from './state.ts';
import { addressesOf, apiServer, type Stack } from './stack.ts';

/** The namespace and the release that the lab installs. */
export const productNamespace = 'opencontrail';

const kubeconfig = join(labDir, 'kubeconfig');

/** Idempotent. The image's tag is its content's, so pods are replaced exactly when something changed. */
export async function install(state: Pick<LabState, 'nodes' | 'hasControlNode' | 'stack'>): Promise<void> {
  const { nodes, stack } = state;
  const chart = join(checkout, 'charts', 'opencontrail');
  if (!existsSync(chart)) throw new Error(`there is no chart at ${chart}; npm run lab -- up --bare needs none`);
  const image = await productImage('difference');
  await step('load the image on the nodes', 4, () => loadProduct(image, kubeletsOf(state)));
  try {
    await step('install the chart', 30, () => upgrade(chart, { tag: image.id, nodes, stack }));
    await step('nodes Ready, programs available', 30, () => served(kubeletsOf(state)));
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${await clues()}`, { cause: error });
  }
}

/** A node whose disk is older than the Dockerfile or the lock file lacks the lower layers, and is given all of them. */
async function loadProduct(image: Image, nodes: readonly string[]): Promise<void> {
  try {
    await ensureImage(image.archive, nodes);
  } catch {
    await ensureImage((await productImage('whole')).archive, nodes);
  }
}

/** What one would look at first: the pods and the latest warnings. */
async function clues(): Promise<string> {
  const kubectl = kubectlOf(kubeconfig);
  const pods = await kubectl(['get', 'pods', '-A', '-o', 'wide'], { allowFailure: true });
  const columns = 'custom-columns=:.involvedObject.name,:.reason,:.message';
  const warnings = ['get', 'events', '-A', '--field-selector=type=Warning', '--sort-by=.lastTimestamp', '-o', columns];
  const events = await kubectl(warnings, { allowFailure: true });
  return `${pods.stdout}\n${events.stdout.trim().split('\n').slice(-8).join('\n')}`;
}

/**
 * An installation that was interrupted cannot be upgraded: its hooks have not run, or Helm holds it for in progress. A
 * first one is taken away, an upgrade is rolled back.
 */
async function clearInterrupted(): Promise<void> {
  const status = await helm(['status', 'opencontrail', '-n', productNamespace, '-o', 'json'], true);
  if (status.code !== 0) return;
  // The shape is Helm's `release.Release`.
  const release = JSON.parse(status.stdout) as { version: number; info: { status: string } };
  if (release.info.status === 'pending-install' || (release.info.status === 'failed' && release.version === 1)) {
    await helm(['uninstall', 'opencontrail', '-n', productNamespace, '--no-hooks', '--wait']);
  } else if (release.info.status.startsWith('pending-')) {
    await helm(['rollback', 'opencontrail', '-n', productNamespace, '--no-hooks']);
  }
}

function helm(args: readonly string[], allowFailure = false): Promise<Output> {
  return run(binary('helm'), args, { env: { KUBECONFIG: kubeconfig }, allowFailure });
}

async function upgrade(
  chart: string,
  { tag, nodes, stack }: { readonly tag: string; readonly nodes: readonly string[]; readonly stack: Stack },
): Promise<void> {
  const replicas = Math.min(2, nodes.length);
  const { podCidrs, serviceCidrs, dns } = addressesOf(stack);
  const values = {
    'image.repository': productRepository,
    'image.tag': tag,
    'image.pullPolicy': 'Never',
    'kubernetes.apiServer': apiServer(stack),
    'cluster.podCidrs': `{${podCidrs.join()}}`,
    'cluster.serviceCidrs': `{${serviceCidrs.join()}}`,
    'cluster.dns': dns,
    'webhooks.replicas': replicas,
    'workers.replicas': replicas,
    'configApi.replicas': replicas,
    'proxy.replicas': replicas,
  };
  const sets = Object.entries(values).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  const target = ['opencontrail', chart, '--namespace', productNamespace, '--create-namespace'];
  await clearInterrupted();
  await helm(['upgrade', '--install', ...target, ...sets, '--timeout', '5m']);
}

/** Nodes Ready and every Deployment, StatefulSet and DaemonSet rolled out, DNS with them. */
async function served(nodes: readonly string[]): Promise<void> {
  const kubectl = kubectlOf(kubeconfig);
  const kinds = (await kubectl(['get', 'deployments,statefulsets,daemonsets', '-n', productNamespace, '-o', 'name']))
    .stdout;
  for (const workload of kinds.trim().split('\n').filter(Boolean)) {
    await kubectl(['rollout', 'status', workload, '-n', productNamespace, '--timeout=180s']);
  }
  await waitFor(`nodes ${nodes.join(', ')} to be Ready`, async () => {
    const ready = await kubectl(['wait', '--for=condition=Ready', 'nodes', '--all', '--timeout=1s'], {
      allowFailure: true,
    });
    return ready.code === 0;
  });
  await kubectl(['rollout', 'status', 'deployment/coredns', '-n', 'kube-system', '--timeout=120s']);
}
