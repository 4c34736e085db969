/** The addresses by which the proxies are reached. Pure. */
import type { ProxyView } from './watch.ts';

/** Those of the Service's load balancer; where it has none, those of the nodes that proxies run on. Sorted. */
export function addressesOf(
  { namespace, service }: { readonly namespace: string; readonly service: string },
  view: Pick<ProxyView, 'service' | 'slicesOf'>,
): readonly string[] {
  const external = view.service(namespace, service)?.external ?? [];
  const nodes = view
    .slicesOf(namespace, service)
    .flatMap(({ endpoints }) => endpoints.flatMap(({ addresses, ready }) => (ready ? addresses : [])));
  return [...new Set(external.length > 0 ? external : nodes)].sort((a, b) => a.localeCompare(b));
}
