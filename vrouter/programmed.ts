/** Which ports stand in the kernel, and waiting until one does. */
import { EventEmitter, once } from 'node:events';

export interface Programmed {
  readonly replace: (vmis: Iterable<string>) => void;
  readonly remove: (vmi: string) => void;
  /** Whether a port stands, at once or within `waitMs`; ends early when `signal` aborts. */
  readonly when: (vmi: string, wait: { readonly waitMs: number; readonly signal: AbortSignal }) => Promise<boolean>;
}

/** An empty set of programmed ports. */
export function createProgrammed(): Programmed {
  const changed = new EventEmitter().setMaxListeners(0);
  let standing = new Set<string>();
  return {
    replace(vmis) {
      standing = new Set(vmis);
      changed.emit('replaced');
    },
    remove: (vmi) => void standing.delete(vmi),
    async when(vmi, { waitMs, signal }) {
      if (waitMs <= 0 || standing.has(vmi)) return standing.has(vmi);
      const limit = AbortSignal.any([signal, AbortSignal.timeout(waitMs)]);
      while (!standing.has(vmi) && !limit.aborted) {
        await once(changed, 'replaced', { signal: limit }).catch(() => undefined);
      }
      return standing.has(vmi);
    },
  };
}
