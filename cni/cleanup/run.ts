/** Cleanup in order: admission, programs, nodes, and what the programs made. */
import { existsSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { SettingsValues } from '../../runtime/config.ts';
import { createKubeClient } from '../../kubernetes/client.ts';
import { CONFLIST_NAME, PLUGIN_NAME } from '../agent/conflist.ts';
import { runOnNodes } from '../nodes/each-node.ts';
import { removeAdmission, removeMade, stopPrograms } from './cluster.ts';
import { cleanNode } from './node.ts';
import type { CLEANUP_SETTINGS } from './settings.ts';

type CleanupSettings = SettingsValues<typeof CLEANUP_SETTINGS>;

const STATE = '/var/lib/opencontrail';

/** Works through the cluster; answers one line for each node that is not clean. */
export async function cleanCluster(settings: CleanupSettings): Promise<readonly string[]> {
  const client = createKubeClient({ kubeconfig: settings.kubeconfig, apiServer: settings.kubernetesApi });
  const timeoutMs = settings.nodeTimeout * 1000;
  await removeAdmission(client, settings);
  await stopPrograms(client, settings, timeoutMs);
  const outcomes = await runOnNodes(nodeTask(settings), { ...settings, client, timeoutMs });
  await removeMade(client, settings);
  return outcomes.flatMap(({ kind, node, message }) => (kind === 'done' ? [] : [`${node}: ${message}`]));
}

/** Works on this node; answers what remains. */
export async function cleanThisNode(settings: CleanupSettings): Promise<readonly string[]> {
  const vrouterState = settings.remove.map((item) => `${item}/vrouter`).find((item) => existsSync(item));
  return await cleanNode({ remove: settings.remove, vrouterState: vrouterState ?? `${STATE}/vrouter` });
}

/** A folder is removed through its parent, which is what can be mounted: a mounted folder itself cannot be removed. */
function nodeTask(settings: CleanupSettings): Parameters<typeof runOnNodes>[0] {
  const targets = [
    `${settings.cniConfDir}/${CONFLIST_NAME}`,
    `${settings.cniBinDir}/${PLUGIN_NAME}`,
    ...settings.dataDirs.filter((item) => !item.startsWith(`${STATE}/`)),
    '/run/opencontrail',
    STATE,
  ];
  const parents = [...new Set(targets.map((target) => dirname(target)))];
  const mounted = (target: string): string => `/host/${parents.indexOf(dirname(target))}/${basename(target)}`;
  return {
    program: 'cleanup',
    args: ['--on-node=$(NODE_IP)', `--remove=${targets.map(mounted).join(',')}`],
    mounts: parents.map((hostPath, index) => ({ hostPath, mountPath: `/host/${index}` })),
  };
}
