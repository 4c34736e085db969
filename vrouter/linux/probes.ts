/**
 * The kubelet's way to pods whose addresses occur elsewhere too, perhaps on this very node: an address of class E for each
 * (RFC 1112, used by nobody), or of a unique-local prefix, which admission has written into the pod's probes. The node's own packets to it are routed by the
 * pod's network and translated to its address there (facts 1.9). Nobody else has a route to it. Pure.
 */
import type { Bindings, ForwardingState } from '../model.ts';
import type { Port } from '../model/networks.ts';
import { perFamily } from './chain.ts';
import type { ElementCollector } from './document.ts';
import { familyOf } from './family.ts';
import type { Marks } from './marks.ts';
import { TABLES } from './names.ts';

/** The sets of such addresses: where each leads, in which network, and under which pair. */
export const PROBE_SETS: readonly string[] = perFamily(({ n, ip }) => [
  `map probes${n} { typeof ${ip} daddr : ${ip} daddr; }`,
  `map probe_marks${n} { typeof ${ip} daddr : meta mark; }`,
  `map probe_pairs${n} { typeof ${ip} daddr : ct mark; }`,
]);

/** For every packet, since each is routed by its mark. */
export const MARK_PROBE = perFamily(({ n, ip }) => [
  `ct direction original meta mark set ${ip} daddr map @probe_marks${n} accept`,
]);
export const TRANSLATE_PROBE = perFamily(({ n, ip }) => [
  `ct mark set ${ip} daddr map @probe_pairs${n} dnat ${ip} to ${ip} daddr map @probes${n}`,
]);

interface Probed {
  readonly port: Port;
  readonly host: string;
  readonly probe: string;
  readonly address: string;
}

/** The ports of this node that are bound, and reached by the node in this way. */
function probed(state: ForwardingState, bindings: Bindings): readonly Probed[] {
  return state.ports.flatMap((port) => {
    const { vmi, probe, addresses } = port;
    const host = bindings.get(vmi);
    const address = addresses.find((each) => probe !== undefined && familyOf(each) === familyOf(probe));
    return host === undefined || probe === undefined || address === undefined ? [] : [{ port, host, probe, address }];
  });
}

/** The elements of the sets. `allow` opens the node's own passage to a network. */
export function addProbes(
  into: ElementCollector,
  { state, bindings, marks }: { state: ForwardingState; bindings: Bindings; marks: Marks },
  allow: (network: number) => void,
): void {
  for (const { port, probe, address } of probed(state, bindings)) {
    const n = familyOf(probe);
    into.add(`probes${n}`, probe, address);
    if (marks.isOverlapping(port.network)) into.add(`probe_marks${n}`, probe, marks.of(port.network));
    into.add(`probe_pairs${n}`, probe, marks.pair(state.fabric, port.network));
    allow(port.network);
  }
}

/** A probe's address leads to the pod's interface in the node's own table, and in that of its network once it is marked. */
export function probeRoutes(
  state: ForwardingState,
  bindings: Bindings,
  marks: Pick<Marks, 'isOverlapping'>,
): readonly { readonly table: number; readonly address: string; readonly host: string }[] {
  return probed(state, bindings).flatMap(({ port, host, probe }) => {
    const own = marks.isOverlapping(port.network) ? [TABLES.overlapping + port.network] : [];
    return [TABLES.flat, ...own].map((table) => ({ table, address: probe, host }));
  });
}
