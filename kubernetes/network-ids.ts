/** The numbers of a namespace's networks as its annotation keeps them, so that a rebuilt config database gives each its own again. Pure. */
import { z } from 'zod';

/** Contrail's virtual network ID by the network's name within the namespace's project. */
export type NetworkIds = Readonly<Record<string, number>>;

const Schema = z.object({ version: z.literal(1), ids: z.record(z.string(), z.int().positive()) });

/** Reads the annotation; empty where the text is none of a version we know. */
export function parseNetworkIds(text: string | undefined): NetworkIds {
  if (text === undefined) return {};
  try {
    return Schema.safeParse(JSON.parse(text)).data?.ids ?? {};
  } catch {
    return {}; // Not JSON: nothing of ours.
  }
}

/** The annotation's text, the same for the same numbers; `undefined` where there are none. */
export function formatNetworkIds(ids: NetworkIds): string | undefined {
  const entries = Object.entries(ids).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.length === 0 ? undefined : JSON.stringify({ version: 1, ids: Object.fromEntries(entries) });
}
