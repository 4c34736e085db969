/** Whether a pod's service account may use the networks of other namespaces that the pod names. */
import { mayUseNetwork, serviceAccount } from '../kubernetes/access.ts';
import { type NetworkUse, sharedNetworkOf, useProblem } from '../kubernetes/custom-network.ts';
import type { SlimNamespace } from '../kubernetes/objects.ts';
import { problemText } from '../kubernetes/problems.ts';
import { isSharedWith } from '../kubernetes/virtual-network.ts';
import { TerminalError } from '../runtime/errors.ts';
import type { Deps } from './deps.ts';
import type { PodSubject } from './desired/pod.ts';

/** The subject itself. Throws a `TerminalError` that names the network where the permission is missing. */
export async function permitted(subject: PodSubject, home: SlimNamespace, deps: Deps): Promise<PodSubject> {
  const uses = subject.uses.filter((use) => !isShared(use, home, deps));
  if (uses.length === 0) return subject;
  const account = await serviceAccountOf(subject, deps);
  for (const use of uses) {
    if (await mayUseNetwork(deps.kube, serviceAccount(home.name, account), { use })) continue;
    throw new TerminalError('NetworkForbidden', problemText(useProblem(use, `service account ${account}`)));
  }
  return subject;
}

/** Whether a VirtualNetwork's sharing permits a use to a namespace. */
export function isShared(use: NetworkUse, home: SlimNamespace, { view }: Pick<Deps, 'view'>): boolean {
  const { namespace, name } = sharedNetworkOf(use);
  const resource = view.virtualNetworks.get(`${namespace}/${name}`);
  return resource !== undefined && isSharedWith(resource.sharing, home);
}

/** Few pods need it, so caches do not hold it. */
async function serviceAccountOf({ namespace, name }: PodSubject, { kube, signal }: Deps): Promise<string> {
  const raw = await kube.get(`/api/v1/namespaces/${namespace}/pods/${name}`, { signal });
  // The API server's own schema.
  const spec = raw?.['spec'] as { readonly serviceAccountName?: string } | undefined;
  return spec?.serviceAccountName ?? 'default';
}
