/** What the kernel has around this node that its own rules and routes depend on: neighbours of the underlay, and interfaces outside. */
import type { Logger } from '../../runtime/log.ts';
import type { ForwardingState, Interfaces, Underlay } from '../model.ts';
import { createInterfaceReader } from './interfaces.ts';
import type { Run } from './run.ts';
import { createUnderlayReader } from './underlay.ts';

export interface Surroundings {
  /** Nothing is read, and nothing found, where no network asks for it. */
  readonly read: (
    state: ForwardingState,
  ) => Promise<{ readonly underlay?: Underlay; readonly interfaces?: Interfaces }>;
  /** Whether a look would find something else than the last `read`. */
  readonly haveMoved: (state: ForwardingState | undefined) => Promise<boolean>;
}

interface SurroundingsDeps {
  readonly run: Run;
  readonly log: Logger;
  /** Told of an interface on which the kernel has dropped what hung on it. */
  readonly onAnew: (name: string) => void;
}

/** Remembers what was read last. */
export function createSurroundings(deps: SurroundingsDeps): Surroundings {
  const underlay = createUnderlayReader(deps.run);
  const interfaces = createInterfaceReader(deps);
  return {
    read: async (state) => ({ ...(await underlay.read(state)), ...(await interfaces.read(state)) }),
    haveMoved: async (state) =>
      (await Promise.all([underlay.hasMoved(state), interfaces.hasMoved(state)])).includes(true),
  };
}
