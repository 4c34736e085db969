/** The elements of services and of what is exposed on nodes. Pure. */
import type { ForwardingState } from '../model.ts';
import type { Exposure } from '../model/services.ts';
import { collectOnce, type ElementCollector } from './document.ts';
import { familyOf } from './family.ts';
import { type Marks, marksOf } from './marks.ts';
import { isMarked, markOfBackend, type Pool, poolChain, poolKey, poolsOf, slotsMap, slotsOf } from './pools.ts';

/** The virtual addresses, what each of their ports leads to, and the pools behind. */
export const balancerElements = collectOnce(addBalancers);

function addBalancers(into: ElementCollector, state: ForwardingState): void {
  const marks = marksOf(state.networks);
  for (const service of state.services) {
    const { vip, network, silent, backends } = service;
    into.add(`vips${familyOf(vip)}`, vip, marks.of(network));
    const verdict = verdictOf({ ...service, address: vip, side: 'inner' }, silent);
    // Without one the address is refused by whoever knows that it is nobody else's.
    if (backends.length > 0 || silent === true) {
      into.add(`services${familyOf(vip)}`, poolKey({ ...service, address: vip }), verdict);
    }
  }
  state.exposures.forEach((exposure) => addExposure(into, exposure));
  poolsOf(state).forEach((pool) => addPool(into, pool, marks));
}

function addExposure(into: ElementCollector, exposure: Exposure): void {
  const { address, inside, outside, silent, sourceRanges } = exposure;
  const n = familyOf(address);
  into.add(`exposed${n}`, poolKey(exposure), verdictOf({ ...exposure, backends: inside, side: 'inner' }));
  into.add(`offered${n}`, poolKey(exposure), verdictOf({ ...exposure, backends: outside, side: 'outer' }, silent));
  if (sourceRanges === undefined) return;
  into.add(`guarded${n}`, poolKey(exposure));
  for (const range of sourceRanges.filter((cidr) => familyOf(cidr) === n)) {
    into.add(`allowed${n}`, `${poolKey(exposure)} . ${range}`);
  }
}

function verdictOf(pool: Pool, silent = false): string {
  if (pool.backends.length > 0) return `goto ${poolChain(pool)}`;
  return silent ? 'drop' : 'goto refuse_politely';
}

function addPool(into: ElementCollector, pool: Pool, marks: Marks): void {
  const [key, slots] = [poolKey(pool), slotsMap(pool)];
  const n = familyOf(pool.address);
  for (const [slot, data] of slotsOf(pool)) into.add(slots, slot, data);
  if (!isMarked(pool)) return;
  for (const backend of pool.backends) {
    const mark = markOfBackend(backend);
    if (pool.affinitySeconds !== undefined) into.add(`${pool.side}_marks${n}`, `${key} . ${mark}`);
    into.add(`${pool.side}_members${n}`, `${key} . ${mark}`, `${backend.address} . ${backend.port}`);
    if (backend.overlapping === true)
      into.add(`elsewhere${n}`, `${mark} . ${backend.address}`, marks.of(backend.network));
  }
}
