/** The status of a Service of type LoadBalancer: the addresses by which the outside reaches it. */
import { hasStatus } from '../kubernetes/errors.ts';
import type { Deps } from './deps.ts';

/** Writes the addresses, where the status does not say so yet. A Service that is gone meanwhile is no failure. */
export async function writeAddresses(
  subject: { readonly namespace: string; readonly name: string; readonly uid: string },
  addresses: readonly string[],
  { kube }: Pick<Deps, 'kube'>,
): Promise<void> {
  const path = `/api/v1/namespaces/${subject.namespace}/services/${subject.name}/status`;
  // Packets arrive with this address as their destination (KEP-1860).
  const ingress = addresses.map((ip) => ({ ip, ipMode: 'VIP' }));
  try {
    const body = { metadata: { uid: subject.uid }, status: { loadBalancer: { ingress } } };
    await kube.patch(path, body, 'application/merge-patch+json');
  } catch (error) {
    if (!hasStatus(error, 404) && !hasStatus(error, 409)) throw error;
  }
}
