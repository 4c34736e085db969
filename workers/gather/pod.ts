/** A pod: its networks from Kubernetes, its machine, interfaces, addresses and place on a router from Contrail. */
import { tagText } from '../../contrail/desired/tag.ts';
import { keptAddresses } from '../../contrail/desired/sticky.ts';
import { tupleNamed } from '../../contrail/desired/pod-service.ts';
import { desiredPod, type Family, familyOf, type PodInput } from '../../contrail/desired/pod.ts';
import { isMirrored } from '../../contrail/desired/pod-mirror.ts';
import type { Names } from '../../contrail/names.ts';
import { definitionsNamed } from '../../kubernetes/attachments.ts';
import { chainNamed } from '../../kubernetes/chain-interfaces.ts';
import type { SlimServiceChain } from '../../kubernetes/service-chain.ts';
import type { SlimAttachmentDefinition } from '../../kubernetes/attachment-definition.ts';
import type { SlimPod } from '../../kubernetes/objects.ts';
import type { ContrailObject, FqName, Reference, Subnet, VirtualMachineInterface } from '../../contrail/objects.ts';
import { type End, referenceBetween } from '../../contrail/reference.ts';
import { chooseFromPool } from '../address-pool.ts';
import type { Deps, Observation, Reconciler } from '../deps.ts';
import { isWantedPod, type PodInterface, type PodSubject, podSubject } from '../desired/pod.ts';
import { appKey, attachmentKey, type Key, namespaceKey, nodeKey } from '../keys.ts';
import {
  readAttachmentDefinition,
  readExistingNamespace,
  readLiveNamespace,
  readPod,
  readServiceChain,
} from '../lookup.ts';
import { explainPodFailure, refuseOutOfRange } from '../pod-failure.ts';
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import { reportEvent } from '../../kubernetes/events.ts';
import { messageOf, TerminalError } from '../../runtime/errors.ts';
import { analyzerOf } from '../mirrors.ts';
import { ensureTags, unusedLabels } from './label.ts';
import { parsePodAssignment } from '../../kubernetes/assignment.ts';
import { permitted } from '../permission.ts';
import { appOfNetwork } from '../pod-networks.ts';
import { writePodResult } from '../pod-result.ts';
import { isKept, type KeptPlace, keptPlace, observeKept } from '../sticky.ts';

/** A pod that has, or is to have, ports; or one that is away, whose StatefulSet keeps its addresses for the next. */
type Subject = PodSubject | KeptPlace;

export const podReconciler: Reconciler<Subject> = {
  input: async ({ namespace, name }, deps) => {
    const pod = await readPod(namespace, name, deps);
    if (pod === undefined || !isWantedPod(pod)) return await keptPlace(namespace, name, deps);
    const nodeUid = deps.view.nodes.get(pod.nodeName ?? '')?.uid;
    const home = await readExistingNamespace(namespace, deps);
    const definitionOf = await definitionsOf(pod, deps);
    const known = {
      pod,
      nodeUid,
      definitionOf,
      policies: deps.view.policiesFor(namespace),
      clusterPolicies: deps.view.clusterPolicies.list(),
      chains: await chainsFor(pod, deps),
      analyzer: deps.view.pods.get(`${namespace}/${analyzerOf(pod) ?? ''}`),
    };
    try {
      return await permitted(podSubject({ ...known, namespace: home }, deps.settings), home, deps);
    } catch (error) {
      // A cache of namespaces that is behind must not refuse a pod for what admission has rightly decided.
      const live = await readLiveNamespace(namespace, deps);
      if (live === undefined) throw error;
      return await permitted(podSubject({ ...known, namespace: live }, deps.settings), live, deps);
    }
  },
  observe,
  desired: (subject, settings, { found, anchor, families, pooled = [] }) => {
    if (isKept(subject)) return keptAddresses(found);
    if (anchor === undefined) return [];
    const interfaces = subject.interfaces.map((port, index) => ({
      ...port,
      addresses: index === 0 && pooled.length > 0 ? pooled : port.addresses,
      families: port.isAllocated ? [] : (families?.get(port.network.join(':')) ?? []),
    }));
    const tags = [...subject.tags.map(({ tag }) => tag), ...subject.labelTags.map(tagText)];
    const mirror = mirrorFor(subject, found, settings.names);
    return desiredPod({ ...subject, tags, interfaces, mirror, virtualRouter: anchor }, settings);
  },
  explain: async (error, subject, deps) =>
    isKept(subject) ? undefined : await explainPodFailure(error, subject, deps),
  finish: async (subject, deps) => {
    if (isKept(subject)) return subject;
    await tellUnserved(subject, deps);
    return await writePodResult(subject, deps);
  },
};

/** What stands is taken away where the pod asks for nothing, or for what cannot be. */
function mirrorFor(
  { mirroring, namespace }: PodSubject,
  found: readonly ContrailObject[],
  names: Names,
): PodInput['mirror'] {
  if (mirroring?.kind === 'mirrored') return mirroring.mirror;
  const [home = ''] = names.virtualMachine(namespace, '');
  return isMirrored(found, home) ? 'none' : undefined;
}

/** The pod runs all the same: copies are for others. */
async function tellUnserved({ mirroring, namespace, name, uid }: PodSubject, { kube, log }: Deps): Promise<void> {
  if (mirroring?.kind !== 'unserved') return;
  const object = { apiVersion: 'v1', kind: 'Pod', namespace, name, uid };
  const report = { object, reason: 'MirrorUnserved', message: mirroring.message, type: 'Warning' as const };
  await reportEvent(kube, { ...report, component: 'opencontrail-workers' }).catch((error: unknown) =>
    log.warn({ namespace, name, reason: messageOf(error) }, 'cannot report an Event'),
  );
}

async function observe(key: Key, subject: Subject | undefined, deps: Deps): Promise<Observation> {
  const { settings, names } = deps;
  const hanging = await observePod(settings.names.virtualMachine(key.namespace, key.name), deps);
  const found = [...hanging, ...(await observeKept(key, hanging, deps))];
  // A run that was behind may have given it what nobody carries any more.
  deps.enqueue(unusedLabels(found, deps));
  if (subject === undefined || isKept(subject)) return { kind: 'observed', found };
  const fqName = settings.names.virtualRouter(subject.node);
  await refuseMissingNetwork(subject, deps);
  const app = await missingApp(subject, deps);
  if (app !== undefined) return waiting('the network of the app', [app]);
  const groups = await missingGroups(subject, deps);
  if (groups.length > 0) return waiting('the groups of network policies', groups);
  const chains = await missingTuples(subject, deps);
  if (chains.length > 0) return waiting('the tuples of service chains', chains);
  await ensureTags(subject.labelTags, deps);
  const uuid = await names.uuidOf('virtual-router', fqName);
  if (uuid === undefined) return waiting(`the virtual router of node ${subject.node}`, [nodeKey(subject.node)]);
  const families = new Map<string, readonly Family[]>();
  let pooled: readonly string[] = [];
  for (const port of subject.interfaces.filter(({ isAllocated }) => !isAllocated)) {
    const subnets = await deps.networks.subnetsOf(port.network);
    if (subnets === undefined) return waiting(`virtual-network ${port.network.join(':')}`, networkKeys(port, subject));
    refuseOutOfRange(port, subnets);
    const own = familiesOf(subnets);
    families.set(port.network.join(':'), own);
    if (port === subject.interfaces[0]) pooled = await chooseFromPool(subject, { families: own, subnets, found }, deps);
  }
  return { kind: 'observed', found, families, pooled, anchor: { type: 'virtual-router', uuid, fq_name: fqName } };
}

/** The keys that make an interface's network. */
function networkKeys({ attachment }: PodInterface, { namespace }: PodSubject): readonly string[] {
  const [home = '', name = ''] = attachment?.split('/') ?? [];
  return attachment === undefined ? [namespaceKey(namespace)] : [attachmentKey(home, name)];
}

/** IPv4 first, as Kubernetes has it. */
function familiesOf(subnets: readonly Subnet[]): readonly Family[] {
  const present = new Set(subnets.map(({ ip_prefix: prefix }) => familyOf(prefix)));
  return (['v4', 'v6'] as const).filter((family) => present.has(family));
}

/** The definitions that a pod names, from the cache or read live: those of a pod that has its ports matter no more. */
async function definitionsOf(
  pod: SlimPod,
  deps: Deps,
): Promise<(namespace: string, name: string) => SlimAttachmentDefinition | undefined> {
  const found = new Map<string, SlimAttachmentDefinition | undefined>();
  for (const { namespace, name } of definitionsNamed(pod.annotations, pod.namespace)) {
    found.set(`${namespace}/${name}`, await readAttachmentDefinition(namespace, name, deps));
  }
  return (namespace, name) => found.get(`${namespace}/${name}`);
}

/** Those of the pod's namespace; one that the pod names may have been made a moment ago. */
async function chainsFor({ namespace, annotations }: SlimPod, deps: Deps): Promise<readonly SlimServiceChain[]> {
  const known = deps.view.chainsOf(namespace);
  const name = chainNamed(annotations);
  if (name === undefined || known.some((chain) => chain.name === name)) return known;
  const named = await readServiceChain(namespace, name, deps);
  return named === undefined ? known : [...known, named];
}

/** The key of the app whose network is not there yet. */
async function missingApp(
  { namespace, interfaces }: PodSubject,
  { settings, names }: Deps,
): Promise<string | undefined> {
  const network = interfaces[0]?.network ?? [];
  const app = appOfNetwork(network.join(':'), namespace, settings.names);
  if (app === undefined) return undefined;
  return (await names.uuidOf('virtual-network', network)) === undefined ? appKey(namespace, app) : undefined;
}

/** The keys of policies whose groups or tags are not there yet: a pod is never without one that it is to be in. */
async function missingGroups({ memberships, tags }: PodSubject, { names }: Deps): Promise<readonly string[]> {
  const missing = new Set<string>();
  for (const { tag, key } of tags) if ((await names.uuidOf('tag', tag.split(':'))) === undefined) missing.add(key);
  for (const { group, key } of memberships) {
    if ((await names.uuidOf('security-group', group.split(':'))) === undefined) missing.add(key);
  }
  return [...missing];
}

/** The keys of chains whose tuples are not there yet. */
async function missingTuples({ services = [] }: PodSubject, { names }: Deps): Promise<readonly string[]> {
  const missing = new Set<string>();
  for (const { tuple, key } of services)
    if ((await names.uuidOf('port-tuple', tuple.split(':'))) === undefined) missing.add(key);
  return [...missing];
}

/** The user's own network may come later: with a VirtualNetwork the pod's key runs again, with an operator's at the next resync. */
async function refuseMissingNetwork({ interfaces, results }: PodSubject, { names }: Deps): Promise<void> {
  const assignment = parsePodAssignment(results.assignment);
  if (assignment?.mode !== 'custom') return;
  // Further interfaces have definitions, whose runs make their networks.
  const network = interfaces[0]?.network ?? [];
  if ((await names.uuidOf('virtual-network', network)) !== undefined) return;
  throw new TerminalError(
    'NetworkMissing',
    `annotation ${ANNOTATION.network} of the ${assignment.interfaces[0]?.from ?? 'pod'} names the network ${network.join(':')}, ` +
      'which does not exist; create it, or name another one and re-create the pod',
  );
}

function waiting(missing: string, keys: readonly string[]): Observation {
  return { kind: 'waiting', missing, keys };
}

/** Everything that hangs on a pod's machine: the machine itself is found by name, since a deleted pod's UID is gone. */
async function observePod(fqName: FqName, { contrail, settings }: Deps): Promise<readonly ContrailObject[]> {
  const fields = ['virtual_router_back_refs'];
  const machines = await contrail.list('virtual-machine', { fqNames: [fqName], detail: true, fields });
  const [machine] = machines;
  if (machine === undefined) return [];
  const found = await contrail.list('virtual-machine-interface', { backRefId: machine.uuid, detail: true });
  const interfaces = found as readonly VirtualMachineInterface[]; // Listed by type.
  const vmis = interfaces.map(({ uuid }) => uuid);
  const addresses = vmis.length === 0 ? [] : await contrail.list('instance-ip', { backRefId: vmis, detail: true });
  return [
    machine,
    ...interfaces,
    ...addresses,
    ...routersOf(machine).map((router) => referenceBetween(router, machine)),
    ...interfaces.flatMap((vmi) => tuplesOf(vmi, settings.names).map((tuple) => referenceBetween(vmi, tuple))),
  ];
}

/** Those of chains of ours: an operator may have given it another. */
function tuplesOf(vmi: VirtualMachineInterface, { serviceInstances }: Names): readonly End[] {
  const { port_tuple_refs: references = [] } = vmi;
  return references.filter(({ to }) => to.at(-2)?.startsWith(serviceInstances())).map(({ to }) => tupleNamed(to));
}

function routersOf(machine: ContrailObject): readonly End[] {
  // Asked for above; absent when no router refers to the machine (config-api facts 2).
  const references = (machine['virtual_router_back_refs'] ?? []) as readonly Reference[];
  return references.flatMap(({ to, uuid }) =>
    uuid === undefined ? [] : [{ type: 'virtual-router', uuid, fq_name: to }],
  );
}
