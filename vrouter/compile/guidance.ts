/** Who leads this node's own packets to pods that it is not sent, or that it leads others to them (ADR 0009). Pure. */
import { guideFor, guidesOf } from '../../contrail/guides.ts';
import { cidrList } from '../../runtime/cidr.ts';
import { nodeAddresses } from '../linux/node-addresses.ts';
import type { Guidance, Peer } from '../model/networks.ts';
import type { ConfigIndex } from './index-config.ts';

interface GuidanceContext {
  /** Every node that has an address, this one among them. */
  readonly nodes: readonly Peer[];
  readonly node: string;
  readonly dead: ReadonlySet<string>;
  /** Whose addresses are services, which nobody leads to. */
  readonly serviceSubnets: readonly string[];
}

/** This node's part; none where every node is sent everything. */
export function compileGuidance(config: ConfigIndex, context: GuidanceContext): { readonly guidance?: Guidance } {
  const { nodes, node, dead } = context;
  const guides = guidesOf(nodes.map(({ name }) => name));
  if (guides.includes(node)) return { guidance: { kind: 'guide' } };
  const chosen = guideFor(node, guides, dead);
  const guide = nodes.find(({ name }) => name === chosen);
  if (guide === undefined) return {};
  return { guidance: { kind: 'led', guide: guide.name, by: guide.address, blocks: blocksOf(config, context) } };
}

/** The subnets that pods of flat networks have addresses of; one that has a machine's is none, since its way is the underlay's. */
function blocksOf(config: ConfigIndex, { nodes, serviceSubnets }: GuidanceContext): readonly string[] {
  const subnets = config
    .all('network-ipam')
    .filter(({ ipam_subnet_method: method }) => method === 'flat-subnet')
    .flatMap((ipam) => ipam.ipam_subnets?.subnets ?? [])
    .map(({ subnet }) => `${subnet.ip_prefix}/${subnet.ip_prefix_len}`);
  const machines = nodes.flatMap(nodeAddresses);
  return [...new Set(subnets)]
    .filter((cidr) => !serviceSubnets.includes(cidr) && !machines.some(cidrList([cidr])))
    .sort();
}
