/** Which of a service's back ends a node sends flows to, as kube-proxy chooses them. Pure. */
import type { Placement } from '../../contrail/traffic.ts';
import type { Backend } from '../model/services.ts';

/** A back end, where it is, and whether it is on its way out. */
export interface Candidate {
  readonly backend: Backend;
  readonly placement: Placement;
  readonly draining: boolean;
}

/** Where this node is. */
export interface Place {
  readonly node: string;
  readonly zone?: string;
  /** Nodes that are silent, long before Kubernetes says so. */
  readonly dead?: ReadonlySet<string>;
}

/** Wherever they are: those meant for this node or its zone, where all say whom they are meant for. */
export function everywhere(candidates: readonly Candidate[], place: Place): readonly Backend[] {
  const living = candidates.filter(({ placement }) => !isDead(placement, place));
  const able = living.length === 0 ? candidates : living;
  const ready = able.filter(({ draining }) => !draining);
  return backendsOf(ready.length === 0 ? able : meantFor(ready, place));
}

function isDead({ node }: Placement, { dead }: Place): boolean {
  return node !== undefined && dead?.has(node) === true;
}

/** Only those on this node. */
export function onlyHere(candidates: readonly Candidate[], { node }: Place): readonly Backend[] {
  const here = candidates.filter(({ placement }) => placement.node === node);
  const ready = here.filter(({ draining }) => !draining);
  return backendsOf(ready.length === 0 ? here : ready);
}

/** Those that an address of either family may lead to. */
export function sameFamily(candidates: readonly Candidate[], address: string): readonly Candidate[] {
  return candidates.filter(({ backend }) => isV6(backend.address) === isV6(address));
}

export function isV6(address: string): boolean {
  return address.includes(':');
}

/** Hints count where every back end has one, and one of them is for this place; nodes come before zones. */
function meantFor(ready: readonly Candidate[], { node, zone }: Place): readonly Candidate[] {
  for (const [field, name] of [
    ['nodes', node],
    ['zones', zone],
  ] as const) {
    const hinted = ready.every(({ placement }) => (placement[field] ?? []).length > 0);
    const mine = ready.filter(({ placement }) => name !== undefined && placement[field]?.includes(name));
    if (hinted && mine.length > 0) return mine;
  }
  return ready;
}

/** Each once, in an order that depends on nothing but themselves. */
function backendsOf(candidates: readonly Candidate[]): readonly Backend[] {
  const distinct = new Map(candidates.map(({ backend }) => [`${backend.address} ${backend.port}`, backend]));
  return [...distinct.values()].sort((a, b) =>
    a.address === b.address ? a.port - b.port : a.address < b.address ? -1 : 1,
  );
}
