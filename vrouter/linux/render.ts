/** The whole kernel document of a forwarding state: `linux/`'s entry. Pure. */
import type { Bindings, ForwardingState } from '../model.ts';
import type { KernelDocument } from './document.ts';
import { EMPTY_DOCUMENT } from './document.ts';
import { elements } from './elements.ts';
import { entries } from './entries.ts';
import { marksOf } from './marks.ts';
import { poolDeclarations, poolsOf } from './pools.ts';
import { skeleton } from './skeleton.ts';

export interface RenderOptions {
  readonly device: string;
  readonly vxlanPort: number;
}

/** Text for the kernel; empty as long as the node's own address is unknown, since nothing could be forwarded then. */
export function render(state: ForwardingState, bindings: Bindings, options: RenderOptions): KernelDocument {
  if (state.address === undefined) return EMPTY_DOCUMENT;
  const { v4, v6 } = entries(state, bindings, options.device);
  return {
    skeleton: skeleton({
      ...options,
      address: state.address,
      ...(state.address6 === undefined ? {} : { address6: state.address6 }),
      fabricMark: marksOf(state.networks).of(state.fabric),
      hasOverlapping: state.networks.some(({ overlapping }) => overlapping),
      hasChains: state.chains.length > 0,
    }),
    declarations: poolDeclarations(poolsOf(state)),
    sets: elements(state, bindings),
    entries: { v4, v6 },
  };
}
