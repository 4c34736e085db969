/** What a StatefulSet remembers of its pods' addresses, an annotation for each ordinal: what is kept outlives the config database. Pure. */
import { z } from 'zod';
import type { PodPort } from './ports.ts';
import { withoutLength } from '../runtime/cidr.ts';

/** The annotation's key of an ordinal: `kept.opencontrail.org/0`. */
const PREFIX = 'kept.opencontrail.org/';

const KeptSchema = z
  .object({
    version: z.literal(1),
    interfaces: z
      .array(z.object({ name: z.string().min(1), network: z.string().min(1), ips: z.array(z.string()) }).readonly())
      .readonly(),
  })
  .readonly();

/** An interface's addresses, without lengths; the network by its name in the colon form. */
export type KeptInterface = z.infer<typeof KeptSchema>['interfaces'][number];

export function keptKey(ordinal: number): string {
  return `${PREFIX}${ordinal}`;
}

/** The annotations of this kind, by ordinal. */
export function keptTexts(annotations: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const own = Object.entries(annotations).filter(([key]) => key.startsWith(PREFIX));
  return Object.fromEntries(own.map(([key, value]) => [key.slice(PREFIX.length), value]));
}

export function formatKept(ports: readonly PodPort[]): string {
  const interfaces = ports.map(({ name, network, ips }) => ({
    name,
    network,
    ips: ips.map(withoutLength),
  }));
  return JSON.stringify({ version: 1, interfaces });
}

/** Nothing, where it cannot be read. */
export function parseKept(text: string): readonly KeptInterface[] {
  try {
    return KeptSchema.safeParse(JSON.parse(text)).data?.interfaces ?? [];
  } catch {
    return []; // Not JSON: nothing of ours.
  }
}
