/** How pods of a network leave it for the underlay: the network's own flags (facts 1.1b, 1.2). Pure. */
import { IP_FABRIC } from '../names.ts';
import type { Reference } from '../objects.ts';

export interface FabricFlags {
  /** Behind their node's address. */
  readonly snat: boolean;
  /** By their own, which the underlay routes; it has precedence. */
  readonly forwarding: boolean;
}

/** The properties of a network that say so, also where it is neither: a flag may be taken back. */
export function fabricFields({ snat, forwarding }: FabricFlags): {
  readonly fabric_snat: boolean;
  readonly virtual_network_refs: readonly Reference[];
} {
  return { fabric_snat: snat && !forwarding, virtual_network_refs: forwarding ? [{ to: IP_FABRIC }] : [] };
}
