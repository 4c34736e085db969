/** Addresses that two interfaces hold, wherever they hold them. Pure. */
import type { Finding, Observation, Place } from './model.ts';
import { withoutLength } from '../../runtime/cidr.ts';

interface Claim {
  /** Networks of overlapping addresses are spaces of their own. */
  readonly space: string;
  readonly address: string;
  readonly vmi: string;
  readonly holder: string;
  readonly place: Place;
  /** Whether the kernel's claim is of this node: two nodes that hold one interface are two holders. */
  readonly node?: string;
}

/** One finding for each address that more than one interface, or more than one node, claims. */
export function twiceHeld(observation: Observation, living: ReadonlySet<string>): readonly Finding[] {
  const groups = Map.groupBy(claims(observation, living), ({ space, address }) => `${space} ${address}`);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    const interfaces = new Set(group.map(({ vmi }) => vmi));
    const nodes = new Set(group.flatMap(({ node }) => node ?? []));
    if (first === undefined || (interfaces.size < 2 && nodes.size < 2)) return [];
    return [finding(first.address, group)];
  });
}

function finding(address: string, group: readonly Claim[]): Finding {
  const holders = [...new Set(group.map(({ holder }) => holder))].toSorted();
  const said = group.map(
    ({ holder, place, node }) => `${holder} (${node === undefined ? place : `kernel of ${node}`})`,
  );
  return {
    problem: 'twice',
    place: group[0]?.place ?? 'config',
    holder: holders.join(' and '),
    addresses: [address],
    detail: `held by ${[...new Set(said)].toSorted().join(', ')}`,
    mend: 'nothing moves a running pod: re-create one of them',
  };
}

function claims({ config, pods, nodes, flatNetworks }: Observation, living: ReadonlySet<string>): readonly Claim[] {
  const networks = new Map(config.map(({ vmi, network }) => [vmi, network]));
  const owners = new Map(config.map(({ vmi, owner }) => [vmi, owner]));
  const spaceOf = (network: string): string => (flatNetworks.has(network) ? '' : network);
  const annotated = pods.flatMap((pod) =>
    (living.has(pod.uid) ? (pod.ports?.interfaces ?? []) : []).map((port) => {
      networks.set(port.vmi, port.network);
      owners.set(port.vmi, `Pod/${pod.namespace}/${pod.name}`);
      return { ...port, addresses: port.ips.map(withoutLength) };
    }),
  );
  const claim = (place: Place, vmi: string, addresses: readonly string[], node?: string): readonly Claim[] =>
    addresses.map((address) => ({
      space: spaceOf(networks.get(vmi) ?? ''),
      address,
      vmi,
      holder: owners.get(vmi) ?? vmi,
      place,
      ...(node === undefined ? {} : { node }),
    }));
  return [
    ...config.flatMap(({ vmi, addresses }) => claim('config', vmi, addresses)),
    ...annotated.flatMap(({ vmi, addresses }) => claim('annotation', vmi, addresses)),
    // A device that is nobody's is told as leaked: what it would be the holder of is not known.
    ...nodes.flatMap(({ node, ports }) =>
      ports.flatMap(({ vmi, addresses }) => (vmi === undefined ? [] : claim('kernel', vmi, addresses, node))),
    ),
  ];
}
