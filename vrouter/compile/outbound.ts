/**
 * Who speaks with the outside: networks with `fabric_snat` under their nodes' addresses, and those that the underlay routes under
 * their pods' own, who are reached, too. A network that a policy joins with the fabric does as far as that lets them speak with each
 * other (facts 3.2, note 7); others, which ask for the outside alone, do for everything. Pure.
 */
import type { ForwardingState } from '../model.ts';
import type { InstanceId, Network, Passage } from '../model/networks.ts';
import { OUTSIDE } from '../model/networks.ts';
import type { ConfigIndex } from './index-config.ts';
import { compilePortPools } from './port-pools.ts';

/** Passages to the outside, and from it; one for each such network, in the order of the networks; and under which ports. */
export function compileOutbound(
  config: ConfigIndex,
  { networks, passages, fabric }: OutboundContext,
): Pick<ForwardingState, 'outbound' | 'inbound' | 'portPools'> {
  const toFabric = new Map(passages.filter(({ to }) => to === fabric).map((passage) => [passage.from, passage]));
  const fromFabric = new Map(passages.filter(({ from }) => from === fabric).map((passage) => [passage.to, passage]));
  const fabricPolicies = new Set(
    networks.filter(({ id }) => id === fabric).flatMap(({ uuid }) => policiesOf(config, uuid)),
  );
  const asFarAs = (
    ways: ReadonlyMap<InstanceId, Passage>,
    { id, uuid }: Network,
    ends: Passage,
  ): readonly Passage[] => {
    if (!policiesOf(config, uuid).some((policy) => fabricPolicies.has(policy))) return [ends];
    const way = ways.get(id);
    return way === undefined ? [] : [{ ...way, ...ends }];
  };
  const others = networks.filter(({ id }) => id !== fabric);
  const forwarded = others.filter((network) => network.forwarded);
  const leaving = others.filter(
    (network) => network.forwarded || config.get('virtual-network', network.uuid)?.fabric_snat === true,
  );
  return {
    outbound: leaving.flatMap((network) => asFarAs(toFabric, network, { from: network.id, to: OUTSIDE })),
    inbound: forwarded.flatMap((network) => asFarAs(fromFabric, network, { from: OUTSIDE, to: network.id })),
    portPools: compilePortPools(config),
  };
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
