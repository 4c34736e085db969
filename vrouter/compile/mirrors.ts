/** What is copied to analyzers: traffic of ports (`interface_mirror` of Contrail's schema), and of policies' rules (`mirror_to`). Pure. */
import { isIP } from 'node:net';
import type { MirrorAction, PolicyRule } from '../../contrail/objects.ts';
import type { Mirror } from '../model/chains.ts';
import type { InstanceId, Network, Passage, Port, Remote, Traffic } from '../model/networks.ts';
import { isPass, rulesOf } from './access-lists.ts';
import type { ConfigIndex } from './index-config.ts';
import { compilePassagesBy } from './passages.ts';
import { EVERYTHING } from './traffic.ts';

/** One for each of this node's ports that says where to. */
export function compileMirrors(config: ConfigIndex, ports: readonly Port[]): readonly Mirror[] {
  return ports.flatMap(({ vmi }) => {
    const { virtual_machine_interface_properties: properties } = config.get('virtual-machine-interface', vmi) ?? {};
    const { mirror_to: to, traffic_direction: direction } = properties?.interface_mirror ?? {};
    const analyzer = analyzerOf(to);
    if (analyzer === undefined) return [];
    return { vmi, analyzer, sent: direction !== 'egress', received: direction !== 'ingress' };
  });
}

/** The analyzer's address. Copies are VXLAN: with a header of Juniper's, none are made. */
export function analyzerOf(to: MirrorAction | null | undefined): string | undefined {
  const analyzer = to?.analyzer_ip_address ?? '';
  return isIP(analyzer) === 0 || to?.juniper_header !== false ? undefined : analyzer;
}

interface Ends {
  readonly networks: readonly Network[];
  readonly ports: readonly Port[];
  readonly remotes: readonly Remote[];
}

/**
 * What this node's ports send of flows that a rule with `mirror_to` decides, questions and answers: each packet is copied where it is
 * sent, and so once.
 */
export function compilePolicyMirrors(config: ConfigIndex, ends: Ends): readonly Mirror[] {
  const analyzers = config
    .all('network-policy')
    .flatMap(rulesOf)
    .flatMap((rule) => analyzerIn(rule) ?? []);
  // Every compilation asks, and hardly any has a rule of the kind.
  if (analyzers.length === 0) return [];
  const addressesOf = addressLookup(ends);
  return [...new Set(analyzers)].toSorted().flatMap((analyzer) => {
    const isCopied = (rule: PolicyRule): boolean => isPass(rule) && analyzerIn(rule) === analyzer;
    const ways = compilePassagesBy(config, ends.networks, isCopied).flatMap(bothWays);
    return ways.flatMap(({ from, to, traffic }) => {
      const only = { peers: addressesOf(to), traffic };
      const senders = only.peers.length === 0 ? [] : ends.ports.filter(({ network }) => network === from);
      return senders.map(({ vmi }) => ({ vmi, analyzer, sent: true, received: false, only }));
    });
  });
}

function analyzerIn({ action_list: actions }: PolicyRule): string | undefined {
  return analyzerOf(actions?.mirror_to);
}

/** Packets that begin flows of a passage, and the answers to these. */
function bothWays({ from, to, limits = [EVERYTHING] }: Passage) {
  return [
    { from, to, traffic: limits },
    { from: to, to: from, traffic: limits.map(answersTo) },
  ];
}

/** Packets of answers to such. */
export function answersTo({ protocols, sourcePorts, destinationPorts }: Traffic): Traffic {
  return { protocols, sourcePorts: destinationPorts, destinationPorts: sourcePorts };
}

/** The subnets of a network that shares them with no other, and else its pods' addresses. */
function addressLookup({ networks, ports, remotes }: Ends): (network: InstanceId) => readonly string[] {
  const local = ports.flatMap(({ addresses, network }) => addresses.map((address) => ({ address, network })));
  const byNetwork = Map.groupBy([...local, ...remotes], ({ network }) => network);
  return (id) => {
    const network = networks.find((each) => each.id === id);
    if (network?.overlapping === true) return network.subnets;
    return [...new Set(byNetwork.get(id)?.map(({ address }) => address))].toSorted();
  };
}
