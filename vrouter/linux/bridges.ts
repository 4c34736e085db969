/**
 * Services that are bridges (`transparent`): the node routes into one of a pod's interfaces and gets the frame back at the other, as
 * the frame's receiver.
 *
 *     node ─ left tap ══ left ─ bridge ─ right ══ right tap ─ node
 *            FIRST       to SECOND's MAC             SECOND
 *
 * So the two host ends have MACs of their own: a frame from and to one and the same would be dropped by the bridge, which has learnt
 * that it is where the frame came from. Neither is the one that all host ends have: the bridge may have learnt that at its right end
 * before it was a service, and would drop what goes to the left. A made-up next hop of each interface has the other one's MAC; nobody
 * is asked for either. Pure.
 */
import type { Bindings, ForwardingState } from '../model.ts';
import type { IpEntry } from './document.ts';
import { bridgedMac, deletionOf } from './names.ts';

/** The node itself, beyond the bridge. */
const BEYOND = { 4: '169.254.1.2', 6: 'fe80::2' } as const;

/** The words of a route through a bridge, into one of its interfaces. */
export function throughBridge(host: string, family: '4' | '6'): string {
  return `via ${BEYOND[family]} dev ${host} onlink`;
}

/** Whether a neighbour's address is a next hop of `throughBridge`, and no pod. */
export function isBeyond(address: string): boolean {
  return address === BEYOND[4] || address === BEYOND[6];
}

/** The MACs of both interfaces' host ends. */
export function bridgeLinks(state: ForwardingState, bindings: Bindings): readonly (readonly [string, IpEntry])[] {
  return bridgesHere(state, bindings).flatMap(({ left, right }) =>
    [left, right].map(({ device, mac }) => {
      const key = `link ${device} ${mac}`;
      return [key, { add: `link set dev ${device} address ${mac}`, del: deletionOf(key), device }] as const;
    }),
  );
}

interface Neighbour {
  readonly address: string;
  readonly mac: string;
  readonly device: string;
}

/** The next hops of both interfaces, in both families. */
export function bridgeNeighbours(state: ForwardingState, bindings: Bindings): readonly Neighbour[] {
  return bridgesHere(state, bindings).flatMap(({ left, right }) =>
    Object.values(BEYOND).flatMap((address) => [
      { address, mac: right.mac, device: left.device },
      { address, mac: left.mac, device: right.device },
    ]),
  );
}

/** The host ends of bridges of which both interfaces are here. */
function bridgesHere({ chains }: ForwardingState, bindings: Bindings) {
  const services = chains.flatMap((chain) => chain.services).filter(({ mode }) => mode === 'transparent');
  return services.flatMap(({ instances }) =>
    instances.flatMap((instance) => {
      const [left, right] = [instance.left, instance.right].flatMap(({ vmi }) => {
        const device = bindings.get(vmi);
        return device === undefined ? [] : [{ device, mac: bridgedMac(vmi) }];
      });
      return left === undefined || right === undefined ? [] : [{ left, right }];
    }),
  );
}
