/** The whole kernel document of a forwarding state: `linux/`'s entry. Pure. */
import type { Bindings, ForwardingState, Underlay } from '../model.ts';
import type { KernelDocument } from './document.ts';
import { EMPTY_DOCUMENT } from './document.ts';
import { elements } from './elements.ts';
import { entries } from './entries.ts';
import { forwardedMark, marksOf } from './marks.ts';
import { poolDeclarations, poolsOf } from './pools.ts';
import { skeleton } from './skeleton.ts';

export interface RenderOptions {
  readonly device: string;
  readonly vxlanPort: number;
  /** Where the underlay routes networks. */
  readonly underlay?: Underlay;
}

/** Text for the kernel; empty as long as the node's own address is unknown, since nothing could be forwarded then. */
export function render(state: ForwardingState, bindings: Bindings, options: RenderOptions): KernelDocument {
  if (state.address === undefined) return EMPTY_DOCUMENT;
  const { device, vxlanPort, underlay } = options;
  const { v4, v6 } = entries(state, bindings, options);
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
    }),
    declarations: poolDeclarations(poolsOf(state)),
    sets: elements(state, bindings, underlay),
    entries: { v4, v6 },
  };
}
