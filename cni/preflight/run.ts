/** Preflight from every node's answer to one verdict. */
import type { SettingsValues } from '../../runtime/config.ts';
import { createKubeClient } from '../../kubernetes/client.ts';
import { type NodeOutcome, runOnNodes } from '../nodes/each-node.ts';
import { type Problem, problemsOf } from './checks.ts';
import { readNodeFacts } from './facts.ts';
import { formatHostPort } from './ports.ts';
import type { PREFLIGHT_SETTINGS } from './settings.ts';

type PreflightSettings = SettingsValues<typeof PREFLIGHT_SETTINGS>;

/** Where the pod that looks at a node finds the host's folder of CNI configurations. */
const MOUNTED_CNI_CONF = '/host/cni/net.d';

/** The problems of this node. */
export async function lookAtNode(settings: PreflightSettings): Promise<readonly Problem[]> {
  return problemsOf(await readNodeFacts(settings.onNode, settings), settings);
}

/** The problems of every node as lines, those that are ignored marked so and not counted. */
export async function lookAtNodes(settings: PreflightSettings): Promise<Verdict> {
  const client = createKubeClient({ kubeconfig: settings.kubeconfig, apiServer: settings.kubernetesApi });
  const args = [
    '--on-node=$(NODE_IP)',
    `--cni-conf-dir=${MOUNTED_CNI_CONF}`,
    `--pod-cidrs=${settings.podCidrs.join(',')}`,
    `--service-cidrs=${settings.serviceCidrs.join(',')}`,
    `--pod-mtu=${settings.podMtu}`,
    `--host-ports=${settings.hostPorts.map(formatHostPort).join(',')}`,
  ];
  const mounts = [{ hostPath: settings.cniConfDir, mountPath: MOUNTED_CNI_CONF }];
  const outcomes = await runOnNodes(
    { program: 'preflight', args, mounts },
    { ...settings, client, timeoutMs: settings.nodeTimeout * 1000 },
  );
  return verdictOf(outcomes, settings.ignore);
}

export interface Verdict {
  readonly lines: readonly string[];
  readonly failed: number;
}

/** Pure. */
export function verdictOf(outcomes: readonly NodeOutcome[], ignore: readonly string[]): Verdict {
  const rows = outcomes.flatMap((outcome) =>
    problemsFrom(outcome).map((problem) => ({ node: outcome.node, ...problem })),
  );
  const ignored = new Set(ignore);
  const lines = rows.map(
    ({ node, check, text }) => `${ignored.has(check) ? 'ignored' : 'FAILED'} ${node} ${check}: ${text}`,
  );
  return { lines, failed: rows.filter(({ check }) => !ignored.has(check)).length };
}

function problemsFrom(outcome: NodeOutcome): readonly Problem[] {
  switch (outcome.kind) {
    case 'done':
      return [];
    case 'failed':
      return parseProblems(outcome.message);
    case 'unreachable':
      return [{ check: 'unreachableNode', text: `the node could not be looked at: ${outcome.message}` }];
    default:
      return outcome satisfies never;
  }
}

function parseProblems(message: string): readonly Problem[] {
  try {
    // Written by this same program on the node.
    return JSON.parse(message) as Problem[];
  } catch {
    return [{ check: 'unreachableNode', text: `the look at the node failed: ${message}` }];
  }
}
