/** Runs a key of the queue: finds its kind's reconcile, counts and times it, and says what came of it. */
import { messageOf, TerminalError } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { Deps } from './deps.ts';
import { attachmentReconciler } from './gather/attachment.ts';
import { appReconciler } from './gather/app.ts';
import { clusterReconciler } from './gather/cluster.ts';
import { floatingIpReconciler } from './gather/floating-ip.ts';
import { clusterPolicyReconciler } from './gather/cluster-network-policy.ts';
import { floatingIpPoolReconciler } from './gather/floating-ip-pool.ts';
import { connectionReconciler } from './gather/connection.ts';
import { labelReconciler } from './gather/label.ts';
import { logicalRouterReconciler } from './gather/logical-router.ts';
import { namespaceReconciler } from './gather/namespace.ts';
import { networkReconciler } from './gather/network.ts';
import { ingressReconciler } from './gather/ingress.ts';
import { networkPolicyReconciler } from './gather/network-policy.ts';
import { nodeReconciler } from './gather/node.ts';
import { podReconciler } from './gather/pod.ts';
import { serviceChainReconciler } from './gather/service-chain.ts';
import { serviceReconciler } from './gather/service.ts';
import { virtualNetworkReconciler } from './gather/virtual-network.ts';
import { type Key, keyText, type OwningKind } from './keys.ts';
import type { WorkerMetrics } from './metrics.ts';
import type { Patience } from './patience.ts';
import type { Outcome } from './queue-worker.ts';
import { notYetOf, type Reconcile, type Result, reconcileWith } from './reconcile.ts';
import type { ReportFailure } from './report.ts';

const RECONCILES: Readonly<Record<OwningKind, Reconcile>> = {
  Cluster: reconcileWith(clusterReconciler),
  Namespace: reconcileWith(namespaceReconciler),
  Node: reconcileWith(nodeReconciler),
  NetworkAttachmentDefinition: reconcileWith(attachmentReconciler),
  VirtualNetwork: reconcileWith(virtualNetworkReconciler),
  FloatingIP: reconcileWith(floatingIpReconciler),
  LogicalRouter: reconcileWith(logicalRouterReconciler),
  FloatingIPPool: reconcileWith(floatingIpPoolReconciler),
  ServiceChain: reconcileWith(serviceChainReconciler),
  NetworkConnection: reconcileWith(connectionReconciler),
  Network: reconcileWith(networkReconciler),
  App: reconcileWith(appReconciler),
  NetworkPolicy: reconcileWith(networkPolicyReconciler),
  ClusterNetworkPolicy: reconcileWith(clusterPolicyReconciler),
  Label: reconcileWith(labelReconciler),
  Pod: reconcileWith(podReconciler),
  Service: reconcileWith(serviceReconciler),
  Ingress: reconcileWith(ingressReconciler),
};

/** The reconcile of a key by its kind; answers of the config API that mean "not yet" are a result, other failures are thrown. */
export const reconcile: Reconcile = async (key, deps) => {
  try {
    return await RECONCILES[key.kind](key, deps);
  } catch (error) {
    const notYet = await notYetOf(error, key, deps);
    if (notYet === undefined) throw error;
    return notYet;
  }
};

export interface RunDeps {
  readonly deps: Deps;
  readonly metrics: WorkerMetrics;
  readonly report: ReportFailure;
  readonly patience: Patience;
  readonly log: Logger;
}

/** One run of a key: the outcome for the queue. Failures are counted, reported on the object, and thrown on. */
export async function runKey(key: Key, { deps, metrics, report, patience, log }: RunDeps): Promise<Outcome> {
  const finish = metrics.start(key.kind);
  try {
    const result = await reconcile(key, deps);
    finish(result.kind);
    tell(key, result, log);
    // What waits for long is told where users look, with what it waits for.
    const isLate = patience.isLate(keyText(key), result.kind === 'notYet', performance.now());
    if (result.kind === 'notYet' && isLate) await report(key, new Error(`waiting for ${result.missing}`));
    return result.kind === 'notYet' ? result : { kind: 'done' };
  } catch (error) {
    const isTerminal = error instanceof TerminalError;
    finish(isTerminal ? 'refused' : 'failed');
    // A run that was told to stop is no failure of its object: another goes on with it.
    if (deps.signal.aborted) {
      log.info({ key: keyText(key) }, 'the run was told to stop');
      throw error;
    }
    log[isTerminal ? 'info' : 'warn']({ key: keyText(key), reason: messageOf(error) }, 'reconcile failed');
    await report(key, error);
    throw error;
  }
}

function tell(key: Key, result: Result, log: Logger): void {
  if (result.kind === 'done' && result.operations > 0) {
    log.info({ key: keyText(key), operations: result.operations }, 'reconciled');
    return;
  }
  log.debug({ key: keyText(key), ...result }, 'reconciled');
}
