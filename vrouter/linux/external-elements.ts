/** The elements of networks outside at an interface of nodes. Pure. */
import type { ForwardingState } from '../model.ts';
import type { InstanceId } from '../model/networks.ts';
import type { Exposure } from '../model/services.ts';
import type { ElementCollector } from './document.ts';
import { familyOf } from './family.ts';
import { externalMark, type Marks, NO_MARK } from './marks.ts';

/** Adds where these networks are, and what is served there besides floating addresses, which `edge-elements.ts` adds. */
export function addExternals(into: ElementCollector, state: ForwardingState, marks: Marks): void {
  if (state.externals.length === 0) return;
  const interfaces = new Map(state.externals.map(({ id, interface: name }) => [id, name]));
  for (const name of interfaces.values()) if (name !== '') into.add('external_interfaces', `"${name}"`);
  for (const { address, external } of servedHere(state)) {
    const [n, name] = [familyOf(address), interfaces.get(external) ?? ''];
    into.add(`external${n}`, address);
    if (name !== '') into.add(`external_ends${n}`, `${address} . "${name}"`, externalMark(external));
  }
  for (const { external, outside } of state.exposures) {
    if (external === undefined) continue;
    for (const { network } of outside) addEntry(into, { external, network }, { marks, fabric: state.fabric });
  }
}

interface Served {
  readonly address: string;
  readonly external: InstanceId;
}

/** The addresses of such networks that this node translates for. */
function servedHere({ floating, egress, exposures }: ForwardingState): readonly Served[] {
  const translating = egress.filter(({ via }) => via === undefined);
  const all: readonly Pick<Exposure, 'address' | 'external'>[] = [...floating, ...translating, ...exposures];
  return all.flatMap(({ address, external }) => (external === undefined ? [] : [{ address, external }]));
}

/** Flows from such a network to back ends in another, or to machines. */
function addEntry(
  into: ElementCollector,
  { external, network }: { readonly external: InstanceId; readonly network: InstanceId },
  { marks, fabric }: { readonly marks: Marks; readonly fabric: InstanceId },
): void {
  const [way, pair] = [externalMark(external), marks.pair(external, network)];
  // A machine is reached as the node itself would.
  const target = network === fabric ? NO_MARK : marks.of(network);
  into.add('external_pairs', `${way} . ${marks.of(network)}`, pair);
  addExternalFlow(into, { pair, way, direction: 'reply' });
  into.add('arriving', pair, target);
  into.add('known', `${way} . ${pair} . original`, target);
  // What comes back from another node's pod is the fabric's: it was sent under this node's address.
  for (const ingress of new Set([network, fabric])) into.add('known', `${marks.of(ingress)} . ${pair} . reply`, way);
  if (network === fabric) into.add('back_from_fabric', pair, way);
}

/** Adds by which network a flow's packets of a direction go out, those of the node itself among them. */
export function addExternalFlow(
  into: ElementCollector,
  { pair, way, direction }: { readonly pair: string; readonly way: string; readonly direction: 'original' | 'reply' },
): void {
  into.add('external_ways', `${pair} . ${direction}`, way);
}
