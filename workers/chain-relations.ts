/** Which keys a change concerns for the sake of service chains. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { ANNOTATION } from '../kubernetes/annotations.ts';
import type { Change } from '../kubernetes/cache.ts';
import type { SlimNetworkConnection } from '../kubernetes/network-connection.ts';
import type { SlimPod } from '../kubernetes/objects.ts';
import type { SlimServiceChain } from '../kubernetes/service-chain.ts';
import { connectionKey, podKey, serviceChainKey } from './keys.ts';

/** What must be known besides the change. */
export interface ChainRelations {
  /** The chains of a namespace. */
  readonly chainsOf: (namespace: string) => readonly SlimServiceChain[];
  /** Keys of the chains that select a pod. */
  readonly chainsSelecting: (pod: SlimPod) => readonly string[];
  /** Keys of the pods that a chain selects. */
  readonly podsOfChain: (chain: SlimServiceChain) => readonly string[];
  /** Keys of the connections that lead through a chain. */
  readonly connectionsThrough: (namespace: string, chain: string) => readonly string[];
  /** Keys of the connections of one's networks. */
  readonly connectionsBeside: (connection: SlimNetworkConnection) => readonly string[];
}

/** A chain itself, its connections, and its pods with the other chains that these may work for. */
export function serviceChainKeys(change: Change<SlimServiceChain>, view: ChainRelations): readonly string[] {
  const { object } = change;
  const before = change.kind === 'put' ? change.previous : undefined;
  // What we write of it ourselves decides nothing.
  if (before !== undefined && before.generation === object.generation) return [];
  const { namespace, name } = object;
  const pods = [before, object].flatMap((chain) => (chain === undefined ? [] : view.podsOfChain(chain)));
  return [
    ...new Set([
      serviceChainKey(namespace, name),
      ...view.chainsOf(namespace).map((chain) => serviceChainKey(namespace, chain.name)),
      ...pods,
      ...view.connectionsThrough(namespace, name),
    ]),
  ];
}

/** The chains that a pod works for, or has worked for, and then the pod, whose interfaces refer to their tuples. */
export function chainKeysOfPod(change: Change<SlimPod>, view: ChainRelations): readonly string[] {
  const { object } = change;
  const before = change.kind === 'put' ? change.previous : undefined;
  if (before !== undefined && isDeepStrictEqual(working(before), working(object))) return [];
  const chains = [before, object].flatMap((pod) => (pod === undefined ? [] : view.chainsSelecting(pod)));
  return chains.length === 0 ? [] : [...new Set([...chains, podKey(object.namespace, object.name)])];
}

function working({ uid, labels, annotations, isReady }: SlimPod): unknown {
  return { uid, labels, ports: annotations[ANNOTATION.ports], isReady };
}

/** A connection itself; of several through chains between the same networks one alone can stand. */
export function connectionKeys(change: Change<SlimNetworkConnection>, view: ChainRelations): readonly string[] {
  const { object } = change;
  const before = change.kind === 'put' ? change.previous : undefined;
  const own = connectionKey(object.namespace, object.name);
  const isSame = before !== undefined && before.generation === object.generation;
  const chained = [before, object].flatMap((each) => (each?.through === undefined ? [] : each));
  return isSame ? [own] : [...new Set([own, ...chained.flatMap(view.connectionsBeside)])];
}
