/** A ServiceChain: its services and the pods that work for them from Kubernetes, its templates, instances and tuples from Contrail. */
import { desiredServiceChain } from '../../contrail/desired/service-chain.ts';
import type { ContrailObject } from '../../contrail/objects.ts';
import type { Deps, Observation, Reconciler } from '../deps.ts';
import { chainSubject, type ServiceChainSubject, type ServiceStatus } from '../desired/service-chain.ts';
import type { Key } from '../keys.ts';
import { readServiceChain } from '../lookup.ts';
import { writeNotReady, writeReady } from '../resource-status.ts';

export const serviceChainReconciler: Reconciler<ServiceChainSubject> = {
  input: async ({ namespace, name }, deps) => {
    const chain = await readServiceChain(namespace, name, deps);
    if (chain === undefined) return undefined;
    const known = { pods: deps.view.podsOf(namespace), chains: deps.view.chainsOf(namespace) };
    return chainSubject(chain, known, deps.settings);
  },
  observe: async (key, _input, deps) => await observe(key, deps),
  desired: desiredServiceChain,
  finish: async (input, deps) => {
    const { namespace, name, left, right, status: services } = input;
    const status = deps.view.serviceChains.get(`${namespace}/${name}`)?.status;
    const object = { ...input, resource: 'servicechains', status } as const;
    const facts = {
      left: left.join(':'),
      right: right.join(':'),
      instances: services.map((service) => `${service.name} ${service.ready}/${service.pods}`).join(', '),
      services,
    };
    const empty = services.filter(({ ready }) => ready === 0);
    if (empty.length === 0) await writeReady(deps.kube, object, facts);
    else await writeNotReady(deps.kube, object, { ...emptiness(input, empty), facts });
    return input;
  },
};

function emptiness({ services }: ServiceChainSubject, empty: readonly ServiceStatus[]) {
  const texts = empty.map(({ name }) => {
    const isBypassed = services.find((service) => service.name === name)?.isBypassed === true;
    return `service ${name} has no pod that is Ready and in both networks, so ${isBypassed ? 'traffic goes on without it' : 'nothing passes'}`;
  });
  return { reason: 'NoInstance', message: texts.join('; ') };
}

/** By their names: a chain that is gone, or a service that it no longer has, has left them. */
async function observe({ namespace, name }: Key, { contrail, names: ids, settings }: Deps): Promise<Observation> {
  const { names } = settings;
  const project = names.project(namespace);
  const [home, domain] = [await ids.uuidOf('project', project), await ids.uuidOf('domain', project.slice(0, 1))];
  if (home === undefined || domain === undefined) return { kind: 'observed', found: [] };
  const named = async (type: string, parentId: string, prefix: string): Promise<readonly ContrailObject[]> => {
    const all = await contrail.list(type, { parentId });
    const uuids = all.filter(({ fq_name: fqName }) => fqName.at(-1)?.startsWith(prefix)).map(({ uuid }) => uuid);
    // An empty condition would list the whole type.
    return uuids.length === 0 ? [] : await contrail.list(type, { uuids, detail: true });
  };
  const [templates, instances] = await Promise.all([
    named('service-template', domain, names.serviceTemplates(namespace, name)),
    named('service-instance', home, names.serviceInstances(name)),
  ]);
  const tuples = await Promise.all(instances.map(async ({ uuid }) => await named('port-tuple', uuid, '')));
  return { kind: 'observed', found: [...templates, ...instances, ...tuples.flat()] };
}
