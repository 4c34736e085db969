/** What annotations say of the way from a network's pods to the underlay. Pure. */
import { ANNOTATION } from './annotations.ts';
import { parseSwitch } from './grammar.ts';

export interface FabricFlags {
  readonly snat: boolean;
  readonly forwarding: boolean;
}

/** The flags of an object's own network. What cannot be read has been refused at admission, and is not asked for. */
export function fabricFlags(annotations: Readonly<Record<string, string>>): FabricFlags {
  return { snat: isOn(annotations[ANNOTATION.snat]), forwarding: isOn(annotations[ANNOTATION.forwarding]) };
}

function isOn(text: string | undefined): boolean {
  if (text === undefined) return false;
  const parsed = parseSwitch(text);
  return parsed.ok && parsed.value;
}
