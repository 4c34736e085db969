/**
 * A NetworkConnection: what it asks for from Kubernetes, its networks and its policy from Contrail. It stands only while whoever
 * asked for it may use the networks of other namespaces; networks that are missing are joined when they come.
 */
import { type ConnectionInput, desiredConnection } from '../../contrail/desired/connection.ts';
import type { ContrailObject, FqName, Reference, VirtualNetwork } from '../../contrail/objects.ts';
import { type End, referenceBetween } from '../../contrail/reference.ts';
import { connectedNetworks } from '../../kubernetes/connected-networks.ts';
import { connectionTexts, type SlimNetworkConnection } from '../../kubernetes/network-connection.ts';
import { TerminalError } from '../../runtime/errors.ts';
import { wayOf } from '../connection-chain.ts';
import { refusalOf } from '../connection-refusal.ts';
import type { Deps, Observation, Reconciler } from '../deps.ts';
import { apart } from '../families.ts';
import type { Key } from '../keys.ts';
import { readNetworkConnection } from '../lookup.ts';
import { type Mirroring, mirroringTo } from '../mirrors.ts';
import { writeNotReady, writeReady } from '../resource-status.ts';
import type { PartialProblem } from '../tell.ts';

/** What concerns a connection, and why it must not stand, or not with all of its networks. */
export interface ConnectionSubject extends ConnectionInput {
  readonly uid: string;
  readonly generation: number;
  readonly refusal: PartialProblem | undefined;
  readonly missing: readonly string[];
  /** Why nothing passes, be it by the chain that it leads through. */
  readonly blocked: PartialProblem | undefined;
  /** Why nobody is sent the copies that it asks for. */
  readonly unserved: string | undefined;
  /** What it says, for its status. */
  readonly texts: ReturnType<typeof connectionTexts>;
}

export const connectionReconciler: Reconciler<ConnectionSubject> = {
  input: async ({ namespace, name }, deps) => {
    const found = await readNetworkConnection(namespace, name, deps);
    return found === undefined ? undefined : await subjectOf(found, deps);
  },
  observe: async (key, _input, deps) => await observe(key, deps),
  desired: (input, settings) => (input.refusal === undefined ? desiredConnection(input, settings) : []),
  finish: async (input, deps) => {
    const { namespace, name, refusal, missing, blocked, unserved, ends } = input;
    if (refusal !== undefined) throw new TerminalError(refusal.reason, refusal.message);
    if (missing.length > 0) {
      const which = missing.length === 1 ? 'network' : 'networks';
      throw new TerminalError(
        'NetworkMissing',
        `${which} ${missing.join(', ')} not there; create what it is the network of`,
      );
    }
    if (unserved !== undefined) throw new TerminalError('MirrorUnserved', unserved);
    const status = deps.view.connections.get(`${namespace}/${name}`)?.status;
    const facts = {
      policy: deps.settings.names.connectionPolicy(namespace, name).join(':'),
      networks: ends.map(({ fq_name: network }) => network.join(':')),
    };
    const object = { ...input, resource: 'networkconnections', status } as const;
    if (blocked === undefined) await writeReady(deps.kube, object, facts);
    else await writeNotReady(deps.kube, object, { ...blocked, facts });
    return input;
  },
};

async function subjectOf(connection: SlimNetworkConnection, deps: Deps): Promise<ConnectionSubject> {
  const { namespace, name, uid, generation, ports } = connection;
  const named = connectedNetworks(connection, deps.settings.names);
  const present = await readNetworks(named.networks, deps);
  const way = await wayOf(connection, deps);
  const mirroring = mirroringOfConnection(connection, deps);
  const texts = new Set(present.map(({ fq_name: network }) => network.join(':')));
  return {
    namespace,
    name,
    uid,
    generation,
    ports,
    ends: present.map(({ type, uuid, fq_name }) => ({ type, uuid, fq_name })),
    texts: connectionTexts(connection),
    missing: named.networks.map((network) => network.join(':')).filter((network) => !texts.has(network)),
    refusal: way.kind === 'refused' ? way : await refusalOf({ connection, named, networks: present }, deps),
    unserved: mirroring?.kind === 'unserved' ? mirroring.message : undefined,
    blocked: apart(present, deps.settings) ?? (way.kind === 'chained' ? way.blocked : undefined),
    ...(way.kind === 'chained' ? { chain: way.chain } : {}),
    ...(mirroring?.kind === 'mirrored' ? { mirror: mirroring.mirror } : {}),
  };
}

function mirroringOfConnection(
  { namespace, mirror: name }: SlimNetworkConnection,
  { view, settings }: Deps,
): Mirroring | undefined {
  if (name === undefined) return undefined;
  return mirroringTo({ asked: 'spec.mirror', namespace, name }, view.pods.get(`${namespace}/${name}`), settings.names);
}

/** In the order of their names, whatever the server's. */
async function readNetworks(fqNames: readonly FqName[], { contrail }: Deps): Promise<readonly VirtualNetwork[]> {
  const found = await contrail.list('virtual-network', { fqNames, detail: true });
  const order = new Map(fqNames.map((fqName, index) => [fqName.join(':'), index]));
  const placeOf = ({ fq_name: fqName }: ContrailObject): number => order.get(fqName.join(':')) ?? order.size;
  return (found as readonly VirtualNetwork[]).toSorted((a, b) => placeOf(a) - placeOf(b)); // Listed by type.
}

/** The policy, and the networks that have it, be they named or not. */
async function observe({ namespace, name }: Key, { contrail, settings }: Deps): Promise<Observation> {
  const fqNames = [settings.names.connectionPolicy(namespace, name)];
  const fields = ['virtual_network_back_refs'];
  const [policy] = await contrail.list('network-policy', { fqNames, detail: true, fields });
  if (policy === undefined) return { kind: 'observed', found: [] };
  // Asked for above; absent when no network has the policy (config-api facts 2).
  const references = (policy['virtual_network_back_refs'] ?? []) as readonly Reference[];
  const attached = references.flatMap(({ to, uuid, attr }): readonly ContrailObject[] => {
    if (uuid === undefined) return [];
    const network: End = { type: 'virtual-network', uuid, fq_name: to };
    return [referenceBetween(network, policy, attr)];
  });
  return { kind: 'observed', found: [policy, ...attached] };
}
