/** From one kernel document to the next: an nft transaction and `ip` batches that touch only what changed. Pure. */
import type { Elements, IpEntry, KernelDocument } from './document.ts';
import { TABLE } from './names.ts';

/** Elements per `add element`, so that no line grows beyond what nft parses quickly. */
const CHUNK = 500;

export interface Transaction {
  /** Statements of one atomic nft script; none when the table stays as it is. */
  readonly nft: readonly string[];
  /** Whether they load the table from nothing. */
  readonly isWhole: boolean;
  readonly ip: {
    /** Interfaces whose MAC is another now, before all others: they lose their neighbours by it. */
    readonly links: IpChange['adds'];
    readonly v4: IpChange;
    readonly v6: IpChange;
  };
}

export interface IpChange {
  /** Key and line of what is to be added or replaced, in order. */
  readonly adds: readonly (readonly [key: string, line: string])[];
  readonly dels: readonly (readonly [key: string, line: string])[];
}

/** The difference between what was applied and what should be. A changed skeleton replaces the table as a whole, atomically. */
export function transaction(applied: KernelDocument, desired: KernelDocument): Transaction {
  const links = changedLinks(applied.entries.v4, desired.entries.v4);
  const changed = new Set(links.map(([key]) => key.split(' ')[1]));
  const isWhole = applied.skeleton !== desired.skeleton;
  return {
    nft: isWhole ? wholeTable(desired) : changedElements(applied, desired),
    isWhole,
    ip: {
      links,
      v4: changedEntries(applied.entries.v4, desired.entries.v4, changed),
      v6: changedEntries(applied.entries.v6, desired.entries.v6, changed),
    },
  };
}

/**
 * What stands once `desired` was applied: nobody takes declarations away that are not needed any more. Declared a second time their
 * rules would be refused (nft 1.0.6 takes none for a map that the kernel has), and the whole table be loaded anew.
 */
export function standingAfter(applied: KernelDocument, desired: KernelDocument): KernelDocument {
  if (applied.skeleton !== desired.skeleton) return desired;
  return { ...desired, declarations: new Map([...applied.declarations, ...desired.declarations]) };
}

/** The lines that load a table from nothing, whatever stood there before; the switch is atomic. */
export function wholeTable(desired: KernelDocument): readonly string[] {
  if (desired.skeleton === '') return [];
  return [
    `add table ${TABLE}`,
    `delete table ${TABLE}`,
    `table ${TABLE} {\n${desired.skeleton}\n}`,
    ...[...desired.declarations.values()].flat(),
    ...[...desired.sets].flatMap(([set, elements]) => elementLines('add', set, [...elements])),
  ];
}

/** The lines that give a table loaded anew what one of its maps had learnt, from the words of `nft list map`. */
export function learntLines(map: string, listing: string): readonly string[] {
  const elements = /elements = \{([^}]*)\}/.exec(listing)?.[1] ?? '';
  const items = elements.split(',').map((element) => element.trim());
  return elementLines(
    'add',
    map,
    items.filter((item) => item !== '').map((item) => [item, ''] as const),
  );
}

/** A whole document as a reader wants it: the table, then the lines for `ip`. */
export function documentText(document: KernelDocument): string {
  const entries = [...document.entries.v4, ...document.entries.v6].map(([, { add }]) => `ip ${add}`);
  return `${[...wholeTable(document), ...entries].join('\n')}\n`;
}

function changedElements(applied: KernelDocument, desired: KernelDocument): readonly string[] {
  const declared = [...desired.declarations].filter(([name]) => !applied.declarations.has(name));
  const names = new Set([...applied.sets.keys(), ...desired.sets.keys()]);
  const dels: string[] = [];
  const adds: string[] = [];
  for (const name of names) {
    const before: Elements = applied.sets.get(name) ?? new Map();
    const after: Elements = desired.sets.get(name) ?? new Map();
    if (before === after) continue;
    const gone = others(before, after).map(([key]) => [key, ''] as const);
    dels.push(...elementLines('delete', name, gone));
    adds.push(...elementLines('add', name, others(after, before)));
  }
  return [...declared.flatMap(([, lines]) => lines), ...dels, ...adds];
}

/** The elements that the other set does not have, or has with other data. */
function others(of: Elements, than: Elements): readonly (readonly [key: string, data: string])[] {
  const found: (readonly [string, string])[] = [];
  // A loop: thousands of elements stay the same.
  for (const [key, data] of of) if (than.get(key) !== data) found.push([key, data]);
  return found;
}

function elementLines(
  verb: 'add' | 'delete',
  set: string,
  elements: readonly (readonly [key: string, data: string])[],
): readonly string[] {
  const lines: string[] = [];
  for (let from = 0; from < elements.length; from += CHUNK) {
    const items = elements.slice(from, from + CHUNK).map(([key, data]) => (data === '' ? key : `${key} : ${data}`));
    lines.push(`${verb} element ${TABLE} ${set} { ${items.join(', ')} }`);
  }
  return lines;
}

type Entries = ReadonlyMap<string, IpEntry>;

function changedLinks(applied: Entries, desired: Entries): IpChange['adds'] {
  const isChanged = (key: string): boolean => isLink(key) && applied.has(key) !== desired.has(key);
  return [
    ...[...applied].filter(([key]) => isChanged(key)).map(([key, { del }]) => [key, del] as const),
    ...[...desired].filter(([key]) => isChanged(key)).map(([key, { add }]) => [key, add] as const),
  ];
}

/** Of all but links. An interface that has another MAC by now has no neighbours: those that stay are added again. */
function changedEntries(applied: Entries, desired: Entries, changed: ReadonlySet<string | undefined>): IpChange {
  const isLost = (key: string, { device }: IpEntry): boolean =>
    key.startsWith('neigh ') && device !== undefined && changed.has(device);
  return {
    adds: [...desired]
      .filter(([key, entry]) => !isLink(key) && (applied.get(key)?.add !== entry.add || isLost(key, entry)))
      .map(([key, { add }]) => [key, add] as const),
    dels: [...applied]
      .filter(([key, entry]) => !isLink(key) && !desired.has(key) && !isLost(key, entry))
      .map(([key, { del }]) => [key, del] as const),
  };
}

function isLink(key: string): boolean {
  return key.startsWith('link ');
}
