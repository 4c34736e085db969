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
  /** The chains that select a pod. */
  readonly chainsSelecting: (pod: SlimPod) => readonly SlimServiceChain[];
  /** Keys of the pods that a chain selects. */
  readonly podsOfChain: (chain: SlimServiceChain) => readonly string[];
  /** Keys of the connections that lead through a chain. */
  readonly connectionsThrough: (namespace: string, chain: string) => readonly string[];
  /** Keys of the connections of one's networks. */
  readonly connectionsBeside: (connection: SlimNetworkConnection) => readonly string[];
}

/** A chain itself, its pods with the other chains that these may work for, and the connections through any of them. */
export function serviceChainKeys(change: Change<SlimServiceChain>, view: ChainRelations): readonly string[] {
  const { object } = change;
  const before = change.kind === 'put' ? change.previous : undefined;
  // What we write of it ourselves decides nothing.
  if (before !== undefined && before.generation === object.generation) return [];
  const { namespace, name } = object;
  const pods = [before, object].flatMap((chain) => (chain === undefined ? [] : view.podsOfChain(chain)));
  const chains = [...new Set([name, ...view.chainsOf(namespace).map((chain) => chain.name)])];
  return [
    ...new Set([
      ...chains.map((chain) => serviceChainKey(namespace, chain)),
      ...pods,
      ...chains.flatMap((chain) => view.connectionsThrough(namespace, chain)),
    ]),
  ];
}

/**
 * The chains that a pod works for, or has worked for, and then the pod, whose interfaces refer to their tuples; their connections say
 * whether anybody works.
 */
export function chainKeysOfPod(change: Change<SlimPod>, view: ChainRelations): readonly string[] {
  const { object } = change;
  const before = change.kind === 'put' ? change.previous : undefined;
  if (before !== undefined && isDeepStrictEqual(working(before), working(object))) return [];
  const chains = [before, object].flatMap((pod) => (pod === undefined ? [] : view.chainsSelecting(pod)));
  if (chains.length === 0) return [];
  const keys = [
    ...chains.map(({ namespace, name }) => serviceChainKey(namespace, name)),
    podKey(object.namespace, object.name),
    ...chains.flatMap(({ namespace, name }) => view.connectionsThrough(namespace, name)),
  ];
  return [...new Set(keys)];
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
