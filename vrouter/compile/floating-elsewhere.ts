/**
 * Floating addresses, of networks outside at an interface, of pods on other nodes: this node translates them for itself and its own pods.
 * There these would come in under nodes' addresses, which nobody is believed to have (ADR 0021). Pure.
 */
import type { FloatingIp } from '../../contrail/objects.ts';
import { holderOf } from '../../contrail/rendezvous.ts';
import type { ExternalNetwork, FloatingElsewhere } from '../model/edges.ts';
import type { Network, Peer, Remote } from '../model/networks.ts';
import { addressesOf } from './endpoints.ts';
import type { Externals } from './externals.ts';
import { directionsOf, targetAmong } from './floating-ip.ts';
import type { ConfigIndex } from './index-config.ts';

export interface ElsewhereContext {
  /** The addresses that this node has pods for. */
  readonly here: readonly string[];
  readonly networks: readonly Network[];
  readonly remotes: readonly Remote[];
  readonly peers: readonly Peer[];
  /** Names of nodes that are silent. */
  readonly dead: ReadonlySet<string>;
  readonly externals: Externals;
}

/** Of several pods it is one of the node that answers for the address, by the choice that all nodes make. */
export function compileFloatingElsewhere(config: ConfigIndex, context: ElsewhereContext): readonly FloatingElsewhere[] {
  const entered = config.all('floating-ip').flatMap((floating) => enteredBy(floating, context));
  if (entered.length === 0) return [];
  const candidatesOf = candidateFinder(config, context);
  const living = new Set(context.peers.flatMap(({ name, address }) => (context.dead.has(name) ? [] : [address])));
  return entered.flatMap(({ floating, address, external, ports }) => {
    const candidates = candidatesOf(floating);
    const alive = candidates.flatMap(({ node }) => (living.has(node) ? [node] : []));
    const node = holderOf(address, context.externals.nodesAt(external, alive)) ?? holderOf(address, alive);
    const found = candidates.find((each) => each.node === node) ?? candidates[0];
    if (found === undefined) return [];
    return [{ address, target: found.address, network: found.network, ...ports, external: external.id }];
  });
}

interface Entered {
  readonly floating: FloatingIp;
  readonly address: string;
  readonly external: ExternalNetwork;
  readonly ports: Pick<FloatingElsewhere, 'ports'>;
}

/** One that leads in, at an interface, and to none of this node's pods. */
function enteredBy(floating: FloatingIp, { here, externals }: ElsewhereContext): readonly Entered[] {
  const [address, external] = [floating.floating_ip_address, externals.of(floating)];
  if (address === undefined || external === undefined) return [];
  const { inward, ports } = directionsOf(floating, false);
  if (!inward || here.includes(address)) return [];
  return [{ floating, address, external, ports: ports === undefined ? {} : { ports } }];
}

/** The addresses that a floating one may stand for; where they overlap with others', nobody elsewhere knows the way. */
function candidateFinder(
  config: ConfigIndex,
  { networks, remotes }: ElsewhereContext,
): (floating: FloatingIp) => readonly Remote[] {
  const flat = new Set(networks.flatMap(({ id, overlapping }) => (overlapping ? [] : [id])));
  const byAddress = new Map(remotes.flatMap((each) => (flat.has(each.network) ? [[each.address, each]] : [])));
  return (floating) =>
    config.uuids(floating, 'virtual-machine-interface').flatMap((vmi) => {
      const target = targetAmong(addressesOf(config, vmi), floating);
      return byAddress.get(target ?? '') ?? [];
    });
}
