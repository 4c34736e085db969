/**
 * Which database this server speaks for, and whether it is the newest.
 *
 *   no epoch                     Redis lost everything: the start objects are laid, a new epoch begins, `rebuilding`
 *   ready, but not the epoch     an older copy came back (another node's disk, a replica that was behind): it would give
 *   or revision remembered       away addresses that running pods hold, so it is emptied and begins anew
 *   anything else                served
 */
import type { Logger } from '../../runtime/log.ts';
import type { DatabaseMemory } from './memory.ts';
import type { DatabaseState, Store } from './store/store.ts';

export interface Database {
  /** The epoch that this server knew last. */
  readonly known: () => string | undefined;
  /** The state as Redis has it, laid or emptied first where that is due. Throws while it cannot be judged. */
  readonly state: () => Promise<DatabaseState>;
  readonly current: () => Promise<string | undefined>;
  readonly ensure: () => Promise<void>;
  /** Marks this epoch's rebuild as finished; false where the epoch is another by now. */
  readonly declareReady: (epoch: string) => Promise<boolean>;
  /** Another Redis may be behind the same name now: nothing is served before it has been judged. */
  readonly doubt: () => void;
  /** Why nothing can be served, or `undefined`. */
  readonly unready: () => string | undefined;
}

export interface DatabaseDeps {
  readonly store: Pick<Store, 'state' | 'markReady' | 'reset'>;
  /** Lays the start objects where there are none; several servers may call theirs at once. */
  readonly lay: () => Promise<void>;
  /** Absent: whatever Redis holds is the truth. */
  readonly memory?: DatabaseMemory;
  readonly log: Logger;
}

/** The revision is written down when it has grown by so much: how much an older copy may lack without being noticed. */
const REMEMBER_EVERY = 100;

/** The database behind `store`; nothing is read before it is asked. */
export function createDatabase(deps: DatabaseDeps): Database {
  return new JudgedDatabase(deps);
}

class JudgedDatabase implements Database {
  private readonly deps: DatabaseDeps;
  private epoch: string | undefined;
  private highest = 0;
  private remembered = 0;
  private isDoubtful = true;

  constructor(deps: DatabaseDeps) {
    this.deps = deps;
  }

  readonly known = (): string | undefined => this.epoch;
  readonly current = async (): Promise<string | undefined> => (await this.state()).epoch;
  readonly ensure = async (): Promise<void> => void (await this.state());
  readonly unready = (): string | undefined => (this.isDoubtful ? 'the database is being judged' : undefined);
  readonly doubt = (): void => {
    this.isDoubtful = true;
  };

  readonly state = async (): Promise<DatabaseState> => {
    const { store, lay } = this.deps;
    let state = await this.judged();
    if (state.epoch === undefined) {
      await lay();
      state = await store.state();
    }
    const isKnown = state.epoch === this.epoch;
    this.remembered = isKnown ? this.remembered : 0;
    this.highest = isKnown ? Math.max(this.highest, state.revision) : state.revision;
    this.epoch = state.epoch;
    this.isDoubtful = false;
    await this.remember(state);
    return state;
  };

  readonly declareReady = async (epoch: string): Promise<boolean> => {
    const { store, memory } = this.deps;
    // First remembered, then ready: no server may see it ready and take it for another than the newest.
    if ((await store.state()).epoch !== epoch) return false;
    await memory?.write({ epoch, revision: 0 });
    return await store.markReady(epoch);
  };

  private async judged(): Promise<DatabaseState> {
    const { store, log } = this.deps;
    const state = await store.state();
    if (state.epoch === undefined || !(await this.isOutdated(state))) return state;
    log.warn({ epoch: state.epoch, revision: state.revision }, 'an outdated database came back: it is emptied');
    await store.reset(state.epoch);
    return await store.state();
  }

  private async isOutdated({ epoch, state, revision }: DatabaseState): Promise<boolean> {
    const { memory } = this.deps;
    if (memory === undefined || state !== 'ready') return false;
    if (epoch === this.epoch && revision < this.highest) return true;
    if (epoch === this.epoch && !this.isDoubtful) return false;
    const newest = await memory.read();
    return newest !== undefined && (newest.epoch !== epoch || newest.revision > revision);
  }

  private async remember({ epoch, state, revision }: DatabaseState): Promise<void> {
    const { memory, log } = this.deps;
    if (memory === undefined || epoch === undefined || state !== 'ready') return;
    if (revision < this.remembered + REMEMBER_EVERY) return;
    this.remembered = revision;
    await memory
      .write({ epoch, revision })
      .catch((error: unknown) => log.warn({ error }, 'cannot remember the revision'));
  }
}
