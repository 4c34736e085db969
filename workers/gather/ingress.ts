/** An Ingress of ours with the Services that it names, and its load balancer from Contrail, with those of its predecessors. */
import { desiredIngress, type IngressInput } from '../../contrail/desired/ingress.ts';
import { ingressesOfOurs } from '../../kubernetes/ingress.ts';
import type { Deps, Observation, Reconciler } from '../deps.ts';
import { ingressInput } from '../desired/ingress.ts';
import { ingressKey, type Key } from '../keys.ts';
import { readIngress } from '../lookup.ts';
import { endings, observeBalancers, uidsByKey, withoutProject } from './balancer.ts';

export const ingressReconciler: Reconciler<IngressInput> = {
  input: async ({ namespace, name }, deps) => {
    const ingress = await readIngress(namespace, name, deps);
    if (ingress === undefined) return undefined;
    if (ingressesOfOurs([ingress], deps.view.ingressClasses.list()).length === 0) return undefined;
    return ingressInput(ingress, (service) => deps.view.services.get(`${namespace}/${service}`));
  },
  observe,
  desired: desiredIngress,
  end: async (key, deps) => await deps.uids.settle(key, undefined),
  finish: async (input, deps) => {
    const { namespace, name, uid } = input;
    await deps.uids.settle({ kind: 'Ingress', namespace, name }, uid);
    return input;
  },
};

/** Found by name, too: an Ingress that was made again has another UID than the objects of its predecessor. */
async function observe(key: Key, input: IngressInput | undefined, deps: Deps): Promise<Observation> {
  const { contrail, names, settings } = deps;
  const project = await names.uuidOf('project', settings.names.project(key.namespace));
  if (project === undefined) return withoutProject(key, input !== undefined);
  const uids = await deps.uids.of(key, input?.uid, async () => {
    const names = endings(await contrail.list('loadbalancer', { parentId: project }), '');
    return uidsByKey(names, (name) => ingressKey(key.namespace, name));
  });
  return { kind: 'observed', found: uids.length === 0 ? [] : await observeBalancers(uids, contrail) };
}
