/**
 * The kernel's side: takes a desired document and makes it stand. What was applied is known from memory, after a restart
 * from the journal (when the kernel's generation confirms it), and nothing is flushed on the way: the table changes in one
 * transaction, entries are replaced in place. One call at a time.
 */
import { randomInt } from 'node:crypto';
import type { IpEntry, KernelDocument } from '../linux/document.ts';
import { EMPTY_DOCUMENT } from '../linux/document.ts';
import { hex } from '../linux/marks.ts';
import { deletionOf, TABLE } from '../linux/names.ts';
import { transaction, wholeTable } from '../linux/transaction.ts';
import type { Transaction } from '../linux/transaction.ts';
import { readGeneration, readStanding } from './adopt.ts';
import { addEntries, deleteEntries } from './ip.ts';
import type { Failures } from './ip.ts';
import type { Journal } from './journal.ts';
import { output } from './run.ts';
import type { Run } from './run.ts';

export interface Applied {
  /** Entries that could not be made to stand; they are tried again next time. */
  readonly failures: Failures;
  /** What stood before. */
  readonly previous: KernelDocument;
}

export interface Kernel {
  /** Makes a document stand. Throws when nft refuses; nothing of the table has changed then. */
  readonly apply: (desired: KernelDocument) => Promise<Applied>;
  /** Lets the next `apply` add everything on an interface anew: the interface was made again, or bound again. */
  readonly forget: (device: string) => void;
  /** Compares with what stands and forgets what somebody took away; true when `apply` has something to mend. */
  readonly verify: () => Promise<boolean>;
  readonly applied: () => KernelDocument;
}

export interface KernelDeps {
  readonly run: Run;
  readonly journal: Journal;
  /** The tunnel's device. */
  readonly device: string;
}

/** A kernel whose state is adopted at the first `apply`. Calls are served one after the other. */
export function createKernel(deps: KernelDeps): Kernel {
  const { run, journal, device } = deps;
  const forgotten = new Set<string>();
  let applied: KernelDocument | undefined;
  let generation = 0;
  const inTurn = createTurns();

  const adopt = async (): Promise<KernelDocument> => {
    const [standing, journalled, found] = await Promise.all([
      readStanding(run, device),
      journal.read(),
      readGeneration(run),
    ]);
    generation = found ?? 0;
    const table = journalled !== undefined && journalled.generation === found ? journalled.document : EMPTY_DOCUMENT;
    return { ...table, entries: { v4: standingEntries(standing.v4), v6: standingEntries(standing.v6) } };
  };

  const applyTable = async (nft: string): Promise<void> => {
    generation = randomInt(1, 2 ** 31);
    await output(
      run,
      ['nft', '-f', '-'],
      `${nft}flush set ${TABLE} generation\nadd element ${TABLE} generation { ${hex(generation)} }\n`,
    );
  };

  const apply = async (desired: KernelDocument): Promise<Applied> => {
    const previous = withoutDevices(applied ?? (await adopt()), forgotten);
    forgotten.clear();
    const change = transaction(previous, desired);
    const [failures] = await Promise.all([
      addAll(run, change),
      // A table that somebody changed under us is loaded anew.
      change.nft === ''
        ? undefined
        : applyTable(change.nft).catch(() => applyTable(`${wholeTable(desired).join('\n')}\n`)),
    ]);
    await Promise.all([deleteEntries(run, '-4', change.ip.v4.dels), deleteEntries(run, '-6', change.ip.v6.dels)]);
    if (applied === undefined || change.ip.v4.adds.some(([key]) => key.startsWith('rule ')))
      await moveLocalRule(run, device);
    applied = without(desired, failures);
    if (change.nft !== '') await journal.write({ generation, document: desired });
    return { failures, previous };
  };

  const verify = async (): Promise<boolean> => {
    if (applied === undefined) return true;
    const [standing, found] = await Promise.all([readStanding(run, device), readGeneration(run)]);
    const kept = { v4: present(applied.entries.v4, standing.v4), v6: present(applied.entries.v6, standing.v6) };
    const tableStands = applied.skeleton === '' || found === generation;
    const complete = kept.v4.size === applied.entries.v4.size && kept.v6.size === applied.entries.v6.size;
    applied = tableStands ? { ...applied, entries: kept } : { ...EMPTY_DOCUMENT, entries: kept };
    return !tableStands || !complete || standing.localFirst.length > 0;
  };

  return {
    apply: async (desired) => inTurn(() => apply(desired)),
    forget: (name) => void forgotten.add(name),
    verify: async () => inTurn(verify),
    applied: () => applied ?? EMPTY_DOCUMENT,
  };
}

/** Runs actions one after the other, whatever becomes of each. */
function createTurns(): <T>(action: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return async (action) => {
    const turn = last.then(action, action);
    last = turn.catch(() => undefined);
    return turn;
  };
}

function present(entries: ReadonlyMap<string, IpEntry>, keys: ReadonlySet<string>): ReadonlyMap<string, IpEntry> {
  return new Map([...entries].filter(([key]) => keys.has(key)));
}

function withoutDevices(document: KernelDocument, devices: ReadonlySet<string>): KernelDocument {
  if (devices.size === 0) return document;
  const keep = (entries: ReadonlyMap<string, IpEntry>) =>
    new Map([...entries].filter(([, { device }]) => device === undefined || !devices.has(device)));
  return { ...document, entries: { v4: keep(document.entries.v4), v6: keep(document.entries.v6) } };
}

async function addAll(run: Run, change: Transaction): Promise<Failures> {
  const [v4, v6] = await Promise.all([
    addEntries(run, '-4', change.ip.v4.adds),
    addEntries(run, '-6', change.ip.v6.adds),
  ]);
  return new Map([...v4, ...v6]);
}

/** Our own local rule stands behind the others by now, so the kernel's first one can go. */
async function moveLocalRule(run: Run, device: string): Promise<void> {
  const { localFirst } = await readStanding(run, device);
  for (const family of localFirst) await output(run, ['ip', family, 'rule', 'del', 'pref', '0', 'lookup', 'local']);
}

/** Entries found in the kernel at start: their content is unknown, so each is replaced once, or deleted by its key. */
function standingEntries(keys: ReadonlySet<string>): ReadonlyMap<string, IpEntry> {
  return new Map([...keys].map((key) => [key, { add: '', del: deletionOf(key) }]));
}

function without(document: KernelDocument, failures: Failures): KernelDocument {
  if (failures.size === 0) return document;
  const keep = (entries: ReadonlyMap<string, IpEntry>) => new Map([...entries].filter(([key]) => !failures.has(key)));
  return { ...document, entries: { v4: keep(document.entries.v4), v6: keep(document.entries.v6) } };
}
