/**
 * Which server of a back end stands where in HAProxy's configuration. A back end has more places than servers, and a
 * server keeps its place, so that a change of endpoints is told to the running HAProxy and needs no reload. Pure.
 */
import type { Backend, Server } from '../model.ts';

/** By the back end's name; a place without a server is in maintenance. */
export type Slots = ReadonlyMap<string, readonly (Server | undefined)[]>;

/** One place that differs. `index` counts from 0. */
export interface SlotChange {
  readonly backend: string;
  readonly index: number;
  readonly server: Server | undefined;
}

/** Places for all servers: those that had one keep it; a back end that has too few gets twice as many as it needs. */
export function assignSlots(backends: readonly Backend[], previous: Slots): Slots {
  return new Map(backends.map(({ name, servers }) => [name, assign(servers, previous.get(name) ?? [])]));
}

/** What has changed from one assignment to another with the same number of places everywhere. */
export function slotChanges(before: Slots, after: Slots): readonly SlotChange[] {
  return [...after].flatMap(([backend, places]) =>
    places.flatMap((server, index) =>
      keyOf(server) === keyOf(before.get(backend)?.[index]) ? [] : [{ backend, index, server }],
    ),
  );
}

function assign(servers: readonly Server[], previous: readonly (Server | undefined)[]) {
  const wanted = new Map(servers.map((server) => [keyOf(server), server]));
  const count = servers.length <= previous.length ? previous.length : placesFor(servers.length);
  const places = Array.from({ length: count }, (_, index) => {
    const held = previous[index];
    const stays = held !== undefined && wanted.delete(keyOf(held));
    return stays ? held : undefined;
  });
  const rest = [...wanted.values()];
  return places.map((held) => held ?? rest.shift());
}

/** A power of two, and more than there are: a rolling update has more pods for a while. */
function placesFor(servers: number): number {
  return 2 ** Math.ceil(Math.log2(servers + 2));
}

function keyOf(server: Server | undefined): string {
  return server === undefined ? '' : `${server.address} ${server.port}`;
}
