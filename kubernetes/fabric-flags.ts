/** What annotations say of the way from a network's pods to the underlay. Pure. */
import { ANNOTATION } from './annotations.ts';
import { parseSwitch } from './grammar.ts';

export interface FabricFlags {
  readonly snat: boolean;
  readonly forwarding: boolean;
}

/** Neither, for networks whose owner must ask. */
export const NO_FABRIC: FabricFlags = { snat: false, forwarding: false };

/** The flags of an object's own network; `usual` where it does not say. What cannot be read has been refused at admission. */
export function fabricFlags(annotations: Readonly<Record<string, string>>, usual: FabricFlags): FabricFlags {
  return {
    snat: isOn(annotations[ANNOTATION.snat], usual.snat),
    forwarding: isOn(annotations[ANNOTATION.forwarding], usual.forwarding),
  };
}

function isOn(text: string | undefined, usual: boolean): boolean {
  if (text === undefined) return usual;
  const parsed = parseSwitch(text);
  return parsed.ok && parsed.value;
}
