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
  /** All that there are: flows that go by services are none of them. */
  readonly passages: readonly Passage[];
}

/**
 * What this node's ports send of flows that a rule with `mirror_to` decides, questions and answers: each packet is copied where it is
 * sent, and so once. Flows of a network whose addresses may be others' too reach another one under their node's address: answers are
 * sent to that, which tells nothing, and are copied where the one who asked is given them.
 */
export function compilePolicyMirrors(config: ConfigIndex, ends: Ends): readonly Mirror[] {
  const analyzers = config
    .all('network-policy')
    .flatMap(rulesOf)
    .flatMap((rule) => analyzerIn(rule) ?? []);
  // Every compilation asks, and hardly any has a rule of the kind.
  if (analyzers.length === 0) return [];
  const addressesOf = addressLookup(ends);
  const isMasked = maskedPassages(ends);
  return [...new Set(analyzers)].toSorted().flatMap((analyzer) => {
    const isCopied = (rule: PolicyRule): boolean => isPass(rule) && analyzerIn(rule) === analyzer;
    const places = compilePassagesBy(config, ends.networks, isCopied).flatMap((passage) =>
      copiedOf(passage, isMasked(passage)),
    );
    return places.flatMap(({ at, other, sent, traffic }) => {
      const only = { peers: addressesOf(other), traffic };
      const own = only.peers.length === 0 ? [] : ends.ports.filter(({ network }) => network === at);
      return own.map(({ vmi }) => ({ vmi, analyzer, sent, received: !sent, only }));
    });
  });
}

function analyzerIn({ action_list: actions }: PolicyRule): string | undefined {
  return analyzerOf(actions?.mirror_to);
}

/** Where packets that begin flows of a passage are copied, and the answers to these: at which network's ports, as sent or as received. */
function copiedOf({ from, to, limits = [EVERYTHING] }: Passage, isMasked: boolean) {
  const answers = limits.map(answersTo);
  return [
    { at: from, other: to, sent: true, traffic: limits },
    isMasked
      ? { at: from, other: to, sent: false, traffic: answers }
      : { at: to, other: from, sent: true, traffic: answers },
  ];
}

/** Whether flows of a passage reach the other network under their node's address. */
function maskedPassages({ networks, passages }: Ends): (passage: Passage) => boolean {
  const overlapping = new Set(networks.flatMap((network) => (network.overlapping ? [network.id] : [])));
  const masked = new Set(
    passages.flatMap(({ from, to }) => (from !== to && overlapping.has(from) ? [`${from} ${to}`] : [])),
  );
  return ({ from, to }) => masked.has(`${from} ${to}`);
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
