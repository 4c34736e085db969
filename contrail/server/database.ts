/** Which database this server speaks for: a new epoch means that Redis lost the old one. */
import type { Store } from './store/store.ts';

export interface Database {
  /** The epoch that this server knew last. */
  readonly known: () => string | undefined;
  /** Asks Redis for the epoch; a database that has none is laid first. */
  readonly current: () => Promise<string | undefined>;
  readonly ensure: () => Promise<void>;
}

/** `lay` lays the start objects where there are none; several servers may call theirs at once. */
export function createDatabase(store: Pick<Store, 'state'>, lay: () => Promise<void>): Database {
  let known: string | undefined;
  const current = async (): Promise<string | undefined> => {
    let { epoch } = await store.state();
    if (epoch === undefined) {
      await lay();
      ({ epoch } = await store.state());
    }
    known = epoch;
    return epoch;
  };
  return { known: () => known, current, ensure: async () => void (await current()) };
}
