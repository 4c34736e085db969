/**
 * The kernel's side: takes a desired document and makes it stand. What was applied is known from memory, after a restart
 * from the journal (when the kernel's generation confirms it), and nothing is flushed on the way: the table changes in one
 * transaction, entries are replaced in place. One call at a time.
 */
import { randomInt } from 'node:crypto';
import { messageOf } from '../../runtime/errors.ts';
import type { IpEntry, KernelDocument } from '../linux/document.ts';
import { EMPTY_DOCUMENT } from '../linux/document.ts';
import { hex } from '../linux/marks.ts';
import { deletionOf, TABLE } from '../linux/names.ts';
import { AFFINITY_MAPS } from '../linux/pools.ts';
import { learntLines, standingAfter, transaction, wholeTable } from '../linux/transaction.ts';
import type { Transaction } from '../linux/transaction.ts';
import { readGeneration, readStanding } from './adopt.ts';
import { addEntries, deleteEntries } from './ip.ts';
import type { Failures } from './ip.ts';
import type { Journal } from './journal.ts';
import { output } from './run.ts';
import type { Run } from './run.ts';
import { MAX_NFT_LINE } from './sessions.ts';
import type { Sessions } from './sessions.ts';

interface Applied {
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
  /** Resolves once the journal is written and nothing of this kernel runs any more; what stands goes on standing. */
  readonly close: () => Promise<void>;
}

export interface KernelDeps {
  readonly run: Run;
  readonly sessions: Sessions;
  readonly journal: Journal;
  /** The tunnel's device. */
  readonly device: string;
  /** Told why nft refused a change: the whole table is loaded then. */
  readonly onRefused?: (reason: string) => void;
}

/** A kernel whose state is adopted at the first `apply`. Calls are served one after the other. */
export function createKernel(deps: KernelDeps): Kernel {
  const { run, sessions, journal, device } = deps;
  const forgotten = new Set<string>();
  const inTurn = createTurns();
  let current: Standing | undefined;

  const apply = async (desired: KernelDocument): Promise<Applied> => {
    const before = current ?? (await adopt(deps));
    const previous = withoutDevices(before.document, forgotten);
    forgotten.clear();
    const change = transaction(previous, desired);
    const standing = standingAfter(previous, desired);
    const [failures, generation] = await Promise.all([
      addAll(sessions, change),
      change.nft.length === 0 ? before.generation : changeTable(deps, change, standing),
    ]);
    await Promise.all([
      deleteEntries(sessions, '-4', change.ip.v4.dels),
      deleteEntries(sessions, '-6', change.ip.v6.dels),
    ]);
    const rulesChanged = change.ip.v4.adds.some(([key]) => key.startsWith('rule '));
    if (current === undefined || rulesChanged) await moveLocalRule(run, device);
    current = { document: without(standing, failures), generation };
    if (change.nft.length > 0) journal.note({ generation, document: standing });
    return { failures, previous };
  };

  return {
    apply: async (desired) => inTurn(() => apply(desired)),
    forget: (name) => void forgotten.add(name),
    verify: async () =>
      inTurn(async () => {
        if (current === undefined) return true;
        const compared = await compare(deps, current);
        current = compared.standing;
        return compared.differs;
      }),
    applied: () => current?.document ?? EMPTY_DOCUMENT,
    close: async () =>
      inTurn(async () => {
        await journal.close();
        sessions.close();
      }),
  };
}

/** What is known to stand, and the generation that the table has in the kernel. */
interface Standing {
  readonly document: KernelDocument;
  readonly generation: number;
}

async function adopt({ run, journal, device }: KernelDeps): Promise<Standing> {
  const [standing, journalled, found] = await Promise.all([
    readStanding(run, device),
    journal.read(),
    readGeneration(run),
  ]);
  const table = journalled !== undefined && journalled.generation === found ? journalled.document : EMPTY_DOCUMENT;
  const entries = { v4: standingEntries(standing.v4), v6: standingEntries(standing.v6) };
  return { document: { ...table, entries }, generation: found ?? 0 };
}

/** Runs a transaction; on a table that somebody changed under us it fails as a whole, and the table is loaded anew. */
async function changeTable(
  { run, sessions, onRefused }: KernelDeps,
  { nft: statements, isWhole }: Transaction,
  desired: KernelDocument,
): Promise<number> {
  const generation = randomInt(1, 2 ** 31);
  const mark = [`flush set ${TABLE} generation`, `add element ${TABLE} generation { ${hex(generation)} }`];
  const load = async (lines: readonly string[]): Promise<void> =>
    void (await output(run, ['nft', '-f', '-'], `${lines.join('\n')}\n`));
  const loadWhole = async (): Promise<void> => {
    const lines = [...wholeTable(desired), ...mark];
    const learnt = await readLearnt(run);
    if (learnt.length === 0) return await load(lines);
    // A table of another version may have learnt in other words.
    await load([...lines, ...learnt]).catch(async () => load(lines));
  };
  const script = [...statements, ...mark];
  const isShort = script.reduce((length, line) => length + line.length, 0) < MAX_NFT_LINE;
  if (isWhole) await loadWhole();
  else
    await (isShort ? sessions.nft(script) : load(script)).catch(async (error: unknown) => {
      onRefused?.(messageOf(error));
      await loadWhole();
    });
  return generation;
}

/** What a standing table has learnt by itself, as lines that add it to the next one: the back ends that clients keep. */
async function readLearnt(run: Run): Promise<readonly string[]> {
  const listings = AFFINITY_MAPS.map(async (map) => {
    const { code, stdout } = await run(['nft', '--numeric', 'list', 'map', ...TABLE.split(' '), map]);
    return code === 0 ? learntLines(map, stdout) : [];
  });
  return (await Promise.all(listings)).flat();
}

async function compare(
  { run, device }: KernelDeps,
  { document, generation }: Standing,
): Promise<{ readonly standing: Standing; readonly differs: boolean }> {
  const [found, standing] = await Promise.all([readGeneration(run), readStanding(run, device)]);
  const entries = { v4: present(document.entries.v4, standing.v4), v6: present(document.entries.v6, standing.v6) };
  const tableStands = document.skeleton === '' || found === generation;
  const complete = entries.v4.size === document.entries.v4.size && entries.v6.size === document.entries.v6.size;
  const kept = tableStands ? { ...document, entries } : { ...EMPTY_DOCUMENT, entries };
  return {
    standing: { document: kept, generation },
    differs: !tableStands || !complete || standing.localFirst.length > 0,
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

async function addAll(sessions: Sessions, change: Transaction): Promise<Failures> {
  const links = await addEntries(sessions, '-4', change.ip.links);
  const [v4, v6] = await Promise.all([
    addEntries(sessions, '-4', change.ip.v4.adds),
    addEntries(sessions, '-6', change.ip.v6.adds),
  ]);
  return new Map([...links, ...v4, ...v6]);
}

/** Our own local rule stands behind the others by now, so the kernel's first one can go. */
async function moveLocalRule(run: Run, device: string): Promise<void> {
  const { localFirst } = await readStanding(run, device);
  for (const family of localFirst) await output(run, ['ip', family, 'rule', 'del', 'pref', '0', 'lookup', 'local']);
}

/** Entries found in the kernel at start: their content is unknown, so each (but links) is replaced once, or deleted by its key. */
function standingEntries(keys: ReadonlySet<string>): ReadonlyMap<string, IpEntry> {
  return new Map([...keys].map((key) => [key, { add: '', del: deletionOf(key) }]));
}

function without(document: KernelDocument, failures: Failures): KernelDocument {
  if (failures.size === 0) return document;
  const keep = (entries: ReadonlyMap<string, IpEntry>) => new Map([...entries].filter(([key]) => !failures.has(key)));
  return { ...document, entries: { v4: keep(document.entries.v4), v6: keep(document.entries.v6) } };
}
