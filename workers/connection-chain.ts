/** The chain that a NetworkConnection leads through, and why it cannot lead there. */
import type { ChainedWay } from '../contrail/desired/connection.ts';
import { chainMismatch, sidesOf } from '../kubernetes/chain-work.ts';
import { connectedNetworks } from '../kubernetes/connected-networks.ts';
import type { SlimNetworkConnection } from '../kubernetes/network-connection.ts';
import type { SlimServiceChain } from '../kubernetes/service-chain.ts';
import { problemText } from '../kubernetes/problems.ts';
import type { ClusterSettings } from './cluster-settings.ts';
import type { Deps } from './deps.ts';
import { blockingServices, chainSubject } from './desired/service-chain.ts';
import { parseKey } from './keys.ts';
import { readServiceChain } from './lookup.ts';
import type { PartialProblem } from './tell.ts';

/** How a connection's networks are joined. */
type Way =
  | { readonly kind: 'direct' }
  /** `blocked` says why nothing passes yet. */
  | { readonly kind: 'chained'; readonly chain: ChainedWay; readonly blocked: PartialProblem | undefined }
  | { readonly kind: 'refused'; readonly reason: string; readonly message: string };

/** The way that a connection asks for. */
export async function wayOf(connection: SlimNetworkConnection, deps: Deps): Promise<Way> {
  const { namespace, through } = connection;
  if (through === undefined) return { kind: 'direct' };
  const chain = await readServiceChain(namespace, through, deps);
  if (chain === undefined) {
    const message = `spec.through: ServiceChain ${namespace}/${through} is not there; create it`;
    return { kind: 'refused', reason: 'ChainMissing', message };
  }
  const problem = chainMismatch(connection, chain, deps.settings.names);
  if (problem !== undefined) return { kind: 'refused', reason: 'ChainMismatch', message: problemText(problem) };
  const chained = { chain: chainedWay(chain, deps.settings), blocked: blockage(chain, deps) };
  return rivalry(connection, deps) ?? { kind: 'chained', ...chained };
}

function blockage(chain: SlimServiceChain, { view, settings }: Deps): PartialProblem | undefined {
  const { namespace, name } = chain;
  const known = { pods: view.podsOf(namespace), chains: view.chainsOf(namespace) };
  const blocking = blockingServices(chainSubject(chain, known, settings));
  if (blocking.length === 0) return undefined;
  const message =
    `nothing passes: ServiceChain ${namespace}/${name} has no pod that is Ready and in both networks for service ` +
    `${blocking.join(', ')}; its status says why`;
  return { reason: 'NoInstance', message };
}

function chainedWay(chain: SlimServiceChain, { names }: ClusterSettings): ChainedWay {
  const { namespace, name, services } = chain;
  const [left, right] = sidesOf(chain, names);
  return {
    left,
    right,
    services: services.map((service) => names.serviceInstance({ namespace, chain: name, service: service.name })),
    isOneWay: services.at(-1)?.kind === 'InNetworkNAT',
  };
}

/** Two networks are joined by the services of one chain; whose connection is older has it. */
function rivalry(connection: SlimNetworkConnection, { view, settings }: Deps): Way | undefined {
  const { namespace, through } = connection;
  const text = (each: SlimNetworkConnection): string =>
    connectedNetworks(each, settings.names)
      .networks.map((network) => network.join(':'))
      .sort()
      .join(' ');
  const rival = view
    .connectionsBeside(connection)
    .flatMap((key) => parseKey(key) ?? [])
    .flatMap((key) => view.connections.get(`${key.namespace}/${key.name}`) ?? [])
    .filter((each) => each.through !== undefined && (each.namespace !== namespace || each.through !== through))
    .find((each) => text(each) === text(connection) && isOlder(each, connection));
  if (rival === undefined) return undefined;
  const message =
    `spec.through: the networks are joined by ServiceChain ${rival.namespace}/${rival.through} already, for NetworkConnection ` +
    `${rival.namespace}/${rival.name}; name the same chain, or delete that connection`;
  return { kind: 'refused', reason: 'ChainConflict', message };
}

function isOlder(a: SlimNetworkConnection, b: SlimNetworkConnection): boolean {
  const [one, other] = [a, b].map(({ created, namespace, name }) => `${created} ${namespace}/${name}`);
  return (one ?? '') < (other ?? '');
}
