/** Which pods do the work of chains' services, by which of their interfaces, and why others do not. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { ANNOTATION } from './annotations.ts';
import { type ConnectionNames, connectedNetworks } from './connected-networks.ts';
import type { SlimNetworkConnection } from './network-connection.ts';
import type { SlimPod } from './objects.ts';
import { type PodPort, portsOfPod } from './ports.ts';
import type { AnnotationProblem } from './problems.ts';
import { isSelected } from './selector.ts';
import type { ChainService, SlimServiceChain } from './service-chain.ts';

/** What a pod is to a service that selects it. */
export type Work = { readonly chain: string; readonly service: string } & (
  | { readonly kind: 'works'; readonly left: string; readonly right: string }
  | { readonly kind: 'idle'; readonly problem: string }
);

type Worker = Pick<SlimPod, 'namespace' | 'uid' | 'annotations' | 'labels'>;

/** The services that select a pod. */
export function selectingServices(
  { services }: Pick<SlimServiceChain, 'services'>,
  { labels }: Pick<SlimPod, 'labels'>,
) {
  return services.filter(({ selector }) => isSelected(labels, selector));
}

/** The networks of a chain, left first, by their fully qualified names. */
export function sidesOf(
  { namespace, left, right }: Pick<SlimServiceChain, 'namespace' | 'left' | 'right'>,
  names: ConnectionNames,
): readonly [left: readonly string[], right: readonly string[]] {
  const [near = [], far = []] = connectedNetworks({ namespace, networks: [left, right] }, names).networks;
  return [near, far];
}

/** Why a connection of these networks cannot lead through a chain; `undefined` where it can. */
export function chainMismatch(
  { namespace, networks }: Pick<SlimNetworkConnection, 'namespace' | 'networks'>,
  chain: SlimServiceChain,
  names: ConnectionNames,
): AnnotationProblem | undefined {
  const own = sortedTexts(connectedNetworks({ namespace, networks }, names).networks);
  const joined = sortedTexts(sidesOf(chain, names));
  if (isDeepStrictEqual(own, joined)) return undefined;
  return {
    annotation: 'spec.through',
    value: chain.name,
    problem: `is a ServiceChain between ${joined.join(' and ')}, and the connection is between ${own.join(' and ')}`,
    mend: 'name its two networks, or another chain',
  };
}

function sortedTexts(networks: readonly (readonly string[])[]): readonly string[] {
  return networks.map((network) => network.join(':')).sort();
}

/**
 * What a pod is to the services of its namespace's chains. An interface works for one service alone, since what comes out of it
 * would have two ways to go on: for the first of a chain that selects the pod, and of several chains for the oldest.
 */
export function workOf(pod: Worker, chains: readonly SlimServiceChain[], names: ConnectionNames): readonly Work[] {
  const ports = portsOfPod(pod.annotations[ANNOTATION.ports], pod.uid)?.interfaces ?? [];
  const taken = new Map<string, string>();
  return [...chains].sort(byAge).flatMap((chain) =>
    selectingServices(chain, pod).map((service) => {
      const work = workFor({ chain, service, ports, taken }, names);
      if (work.kind === 'works')
        for (const port of [work.left, work.right])
          taken.set(port, `service ${service.name} of ServiceChain ${chain.name}`);
      return work;
    }),
  );
}

interface Question {
  readonly chain: SlimServiceChain;
  readonly service: ChainService;
  readonly ports: readonly PodPort[];
  /** Interfaces that work already, and for whom. */
  readonly taken: ReadonlyMap<string, string>;
}

function workFor({ chain, service, ports, taken }: Question, names: ConnectionNames): Work {
  const of = { chain: chain.name, service: service.name };
  if (ports.length === 0) return { ...of, kind: 'idle', problem: 'has no interfaces yet' };
  const sides = sidesOf(chain, names).map((network) => network.join(':'));
  if (sides[0] === sides[1]) return { ...of, kind: 'idle', problem: `has network ${sides[0]} on both sides` };
  const [left, right] = sides.map((network, index) => interfaceIn(network, index === 0 ? 'left' : 'right', ports));
  if (left === undefined || right === undefined) {
    const network = sides[left === undefined ? 0 : 1] ?? '';
    return { ...of, kind: 'idle', problem: `has no interface in network ${network}` };
  }
  const busy = [left, right].find((port) => taken.has(port));
  if (busy === undefined) return { ...of, kind: 'works', left, right };
  return { ...of, kind: 'idle', problem: `works with interface ${busy} for ${taken.get(busy)}` };
}

/** The interface named after its side, if the pod has it there: eth0 may be in the same network. */
function interfaceIn(network: string, side: 'left' | 'right', ports: readonly PodPort[]): string | undefined {
  const inNetwork = ports.filter((port) => port.network === network);
  return (inNetwork.find(({ name }) => name === side) ?? inNetwork[0])?.name;
}

function byAge(a: SlimServiceChain, b: SlimServiceChain): number {
  return a.created.localeCompare(b.created) || a.name.localeCompare(b.name);
}
