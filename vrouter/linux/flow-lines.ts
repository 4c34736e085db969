/** Which deletions of flows find any: each costs the kernel a walk through its whole table, found or not. Pure. */

/** A flow as `conntrack -L -o extended` prints it. */
interface Flow {
  readonly family: string;
  /** What a deletion may ask for, by its option. */
  readonly fields: ReadonlyMap<string, string>;
}

/** A line of `flows.ts`, read. */
interface Deletion {
  readonly index: number;
  readonly family: string;
  readonly options: readonly (readonly [option: string, value: string])[];
}

/** Of lines for `conntrack -R` those that delete what all of them would, of the flows in a listing: the first that means a flow. */
export function neededLines(lines: readonly string[], listing: string): readonly string[] {
  const find = finder(lines.map((line, index) => deletionOf(line, index)));
  const needed = new Set<number>();
  for (const flow of flowsIn(listing)) {
    const found = find(flow).toSorted((a, b) => a - b);
    if (found[0] !== undefined && !found.some((index) => needed.has(index))) needed.add(found[0]);
  }
  return lines.filter((_, index) => needed.has(index));
}

/** Looks lines up by their first option: an address, where they have one, so that a flow is compared with few of them. */
function finder(deletions: readonly Deletion[]): (flow: Flow) => readonly number[] {
  const byFirst = Map.groupBy(deletions, ({ options: [first] }) => first?.join(' ') ?? '');
  return ({ family, fields }) => {
    const isMeant = ({ family: wanted, options }: Deletion): boolean =>
      wanted === family && options.every(([option, value]) => value === fields.get(option));
    return [...fields].flatMap((field) =>
      (byFirst.get(field.join(' ')) ?? []).filter(isMeant).map(({ index }) => index),
    );
  };
}

function deletionOf(text: string, index: number): Deletion {
  const words = text.split(' ').filter((word) => word !== '-D');
  const pairs = words.flatMap((word, place) =>
    place % 2 === 0 ? [[word, canonical(word, words[place + 1] ?? '')] as const] : [],
  );
  const family = pairs.find(([option]) => option === '-f')?.[1] ?? 'ipv4';
  const options = pairs.filter(([option]) => option !== '-f');
  return { index, family, options: options.toSorted(([a], [b]) => Number(isOfAddress(b)) - Number(isOfAddress(a))) };
}

function isOfAddress(option: string): boolean {
  return /^-[sdrq]$/.test(option);
}

/** `conntrack` prints marks as decimal numbers. */
function canonical(option: string, value: string): string {
  return option === '-m' ? String(Number(value)) : value;
}

/** The option that asks for a field, at its first and its second place in a line. */
const OPTIONS = new Map([
  ['src', ['-s', '-r']],
  ['dst', ['-d', '-q']],
  ['dport', ['--dport']],
  ['mark', ['-m']],
  ['zone', ['-w']],
]);

function flowsIn(listing: string): readonly Flow[] {
  return listing.split('\n').flatMap((line) => {
    const [family = '', , protocol = '', ...words] = line.split(/\s+/);
    const isFlow = family === 'ipv4' || family === 'ipv6';
    return isFlow ? [{ family, fields: new Map([['-p', protocol], ...fieldsIn(words)]) }] : [];
  });
}

function fieldsIn(words: readonly string[]): Flow['fields'] {
  const fields = new Map<string, string>();
  for (const word of words) {
    const [name = '', value] = word.split('=');
    const option = OPTIONS.get(name)?.find((each) => !fields.has(each));
    if (option !== undefined && value !== undefined) fields.set(option, value);
  }
  return fields;
}
