/** The whole kernel document of a forwarding state: `linux/`'s entry. Pure. */
import type { Bindings, ForwardingState, Interfaces, Underlay } from '../model.ts';
import type { InstanceId } from '../model/networks.ts';
import type { KernelDocument } from './document.ts';
import { EMPTY_DOCUMENT } from './document.ts';
import { elements } from './elements.ts';
import { entries } from './entries.ts';
import { forwardedMark, marksOf } from './marks.ts';
import { DEPARTURES } from './policy.ts';
import { poolDeclarations, poolsOf } from './pools.ts';
import { isShared } from './routed.ts';
import { skeleton } from './skeleton.ts';

export interface RenderOptions {
  readonly device: string;
  readonly vxlanPort: number;
  /** Where the underlay routes networks. */
  readonly underlay?: Underlay;
  /** Where networks outside are at interfaces. */
  readonly interfaces?: Interfaces;
}

/** Text for the kernel; empty as long as the node's own address is unknown, since nothing could be forwarded then. */
export function render(compiled: ForwardingState, bindings: Bindings, options: RenderOptions): KernelDocument {
  const { device, vxlanPort, underlay, interfaces } = options;
  const state = outsideOfFabric(compiled, interfaces?.fabric);
  if (state.address === undefined) return EMPTY_DOCUMENT;
  const { v4, v6 } = entries(state, bindings, options);
  const sets = elements(state, bindings, underlay);
  return {
    skeleton: skeleton({
      device,
      vxlanPort,
      ...(underlay === undefined ? {} : { underlay: underlay.device }),
      address: state.address,
      ...(state.address6 === undefined ? {} : { address6: state.address6 }),
      ...(state.guidance === undefined ? {} : { guidance: state.guidance.kind }),
      fabric: state.fabric,
      fabricMark: marksOf(state.networks).of(state.fabric),
      fabricWay: forwardedMark(state.fabric),
      hasOverlapping: state.networks.some(({ overlapping }) => overlapping),
      hasChains: state.chains.length > 0,
      hasRouters: state.egress.length > 0,
      sharesEgress: isShared(state.egress),
      portPools: state.portPools,
      hasExternals: state.externals.length > 0,
    }),
    declarations: new Map([
      ...poolDeclarations(poolsOf(state)),
      ...(sets.has('departures') ? [['departures', DEPARTURES] as const] : []),
    ]),
    sets,
    entries: { v4, v6 },
  };
}

/** A network that is said to be at the fabric's own interface is the outside's, like those of which nothing is said. */
function outsideOfFabric(state: ForwardingState, fabric: string | undefined): ForwardingState {
  const ids = new Set(state.externals.filter((each) => each.interface === fabric).map(({ id }) => id));
  if (ids.size === 0) return state;
  const plain = <T extends { readonly external?: InstanceId }>({ external, ...each }: T): Omit<T, 'external'> =>
    external === undefined || ids.has(external) ? each : { ...each, external };
  return {
    ...state,
    externals: state.externals.filter(({ id }) => !ids.has(id)),
    floating: state.floating.map(plain),
    // Other nodes' are for the outside alone, there.
    floatingElsewhere: state.floatingElsewhere.filter(({ external }) => !ids.has(external)),
    egress: state.egress.map(plain),
    exposures: state.exposures.map(plain),
  };
}
