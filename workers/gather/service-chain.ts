/** A ServiceChain: its services and the pods that work for them from Kubernetes, its templates, instances and tuples from Contrail. */
import { desiredServiceChain } from '../../contrail/desired/service-chain.ts';
import type { ContrailObject, VirtualNetwork } from '../../contrail/objects.ts';
import { connectedNetworks } from '../../kubernetes/connected-networks.ts';
import { problemText } from '../../kubernetes/problems.ts';
import type { SlimServiceChain } from '../../kubernetes/service-chain.ts';
import type { Deps, Observation, Reconciler } from '../deps.ts';
import { blockingServices, chainSubject, type ServiceChainSubject } from '../desired/service-chain.ts';
import { apart } from '../families.ts';
import type { Key } from '../keys.ts';
import { readServiceChain } from '../lookup.ts';
import { writeNotReady, writeReady } from '../resource-status.ts';
import type { PartialProblem } from '../tell.ts';

/** A chain, and what is wrong with the networks that it is between. */
interface Subject extends ServiceChainSubject {
  readonly trouble: PartialProblem | undefined;
}

export const serviceChainReconciler: Reconciler<Subject> = {
  input: async ({ namespace, name }, deps) => {
    const chain = await readServiceChain(namespace, name, deps);
    if (chain === undefined) return undefined;
    const known = { pods: deps.view.podsOf(namespace), chains: deps.view.chainsOf(namespace) };
    return { ...chainSubject(chain, known, deps.settings), trouble: await troubleOf(chain, deps) };
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
    const trouble = input.trouble ?? emptiness(input);
    if (trouble === undefined) await writeReady(deps.kube, object, facts);
    else await writeNotReady(deps.kube, object, { ...trouble, facts });
    return input;
  },
};

async function troubleOf(
  { namespace, left, right }: SlimServiceChain,
  { contrail, settings }: Deps,
): Promise<PartialProblem | undefined> {
  const { networks, problems } = connectedNetworks({ namespace, networks: [left, right] }, settings.names);
  if (problems.length > 0) {
    const sided = problems.map((each) => ({ ...each, annotation: SIDES[each.annotation] ?? each.annotation }));
    return { reason: 'ChainRefused', message: sided.map(problemText).join('. ') };
  }
  const found = await contrail.list('virtual-network', { fqNames: networks, detail: true });
  const present = new Set(found.map(({ fq_name: network }) => network.join(':')));
  const missing = networks.map((network) => network.join(':')).filter((network) => !present.has(network));
  if (missing.length === 0) return apart(found as readonly VirtualNetwork[], settings); // Listed by type.
  const message = `network ${missing.join(' and ')} not there, so nothing passes; create what it is the network of`;
  return { reason: 'NetworkMissing', message };
}

/** As a connection of the two names them. */
const SIDES: Readonly<Record<string, string>> = { 'spec.networks[0]': 'spec.left', 'spec.networks[1]': 'spec.right' };

function emptiness(input: ServiceChainSubject): PartialProblem | undefined {
  const blocking = blockingServices(input);
  const empty = input.status.filter(({ ready }) => ready === 0);
  if (empty.length === 0) return undefined;
  const texts = empty.map(({ name }) => {
    const then = blocking.includes(name) ? 'nothing passes' : 'traffic goes on without it';
    return `service ${name} has no pod that is Ready and in both networks, so ${then}`;
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
