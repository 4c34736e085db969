/**
 * Who may reach the outside under its node's own address: networks with `fabric_snat`; those that a policy joins with the fabric as
 * far as it lets them speak with that (facts 3.2, note 7), others, which ask for the outside alone, for everything. Pure.
 */
import type { InstanceId, Network, Passage } from '../model.ts';
import { OUTSIDE } from '../model.ts';
import type { ConfigIndex } from './index-config.ts';

/** One passage for each such network, in the order of the networks. */
export function compileOutbound(
  config: ConfigIndex,
  { networks, passages, fabric }: OutboundContext,
): readonly Passage[] {
  const toFabric = new Map(passages.filter(({ to }) => to === fabric).map((passage) => [passage.from, passage]));
  const fabricPolicies = new Set(
    networks.filter(({ id }) => id === fabric).flatMap(({ uuid }) => policiesOf(config, uuid)),
  );
  return networks.flatMap(({ id, uuid }) => {
    if (id === fabric || config.get('virtual-network', uuid)?.fabric_snat !== true) return [];
    const passage = { from: id, to: OUTSIDE };
    if (!policiesOf(config, uuid).some((policy) => fabricPolicies.has(policy))) return [passage];
    const way = toFabric.get(id);
    return way === undefined ? [] : [{ ...way, ...passage }];
  });
}

function policiesOf(config: ConfigIndex, network: string): readonly string[] {
  const found = config.get('virtual-network', network);
  return found === undefined ? [] : config.uuids(found, 'network-policy');
}

interface OutboundContext {
  readonly networks: readonly Network[];
  readonly passages: readonly Passage[];
  readonly fabric: InstanceId;
}
