/** Networks whose makers want them no longer: they stand until nobody refers to them. Pure. */
import type { ContrailObject } from '../contrail/objects.ts';
import { type Owner, ownerOf } from '../contrail/ownership.ts';
import type { Deps } from './deps.ts';
import { grantedMode, isIsolated } from './desired/namespace.ts';
import { podsOfApp } from './gather/app.ts';
import { uidOfOwner } from './owners.ts';

/**
 * Whether a network is to go as soon as nobody holds it up: its resource is gone, its namespace is isolated no longer, its app has no
 * pods. While pods are in it, it stays.
 */
export function isGoing(network: ContrailObject, deps: Pick<Deps, 'view' | 'settings'>): boolean {
  const owner = ownerOf(network);
  const { view, settings } = deps;
  if (owner?.cluster !== settings.cluster || view.podsInNetwork(network.fq_name.join(':')).length > 0) return false;
  const { kind, namespace, name } = owner;
  if (kind === 'VirtualNetwork' || kind === 'NetworkAttachmentDefinition')
    return uidOfOwner({ kind, namespace, name }, view) === undefined;
  return isGoingInNamespace(owner, deps);
}

function isGoingInNamespace({ kind, namespace, name }: Owner, deps: Pick<Deps, 'view' | 'settings'>): boolean {
  const home = deps.view.namespaces.get(namespace);
  const mode = home === undefined ? undefined : grantedMode(home, deps.settings);
  if (home === undefined || mode === undefined) return false;
  if (kind === 'Namespace') return !isIsolated(mode);
  return kind === 'App' && podsOfApp({ home, app: name, mode }, deps).length === 0;
}
