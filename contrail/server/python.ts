/** Values as Python prints them: clients parse some of Contrail's error texts, and those hold Python literals. */

/** `repr()` of a JSON value. Pure. */
export function repr(value: unknown): string {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'string') return text(value);
  if (Array.isArray(value)) return `[${value.map(repr).join(', ')}]`;
  if (typeof value === 'object') {
    return `{${Object.entries(value)
      .map(([key, item]) => `${text(key)}: ${repr(item)}`)
      .join(', ')}}`;
  }
  return typeof value === 'number' ? String(value) : JSON.stringify(value);
}

/** `str()` of a JSON value: a string stands for itself. Pure. */
export function str(value: unknown): string {
  return typeof value === 'string' ? value : repr(value);
}

/** `pprint.pformat` of a list of texts: an item a line where one line would hold more than 80 characters. Pure. */
export function pformat(list: readonly string[]): string {
  const line = repr(list);
  return line.length <= 80 ? line : `[${list.map(repr).join(',\n ')}]`;
}

/** `json.dumps` of a JSON value: a space after each comma and colon. Pure. */
export function dumps(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(dumps).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    return `{${Object.entries(value)
      .map(([key, item]) => `${JSON.stringify(key)}: ${dumps(item)}`)
      .join(', ')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}

function text(value: string): string {
  const quote = value.includes("'") && !value.includes('"') ? '"' : "'";
  const escaped = value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return quote + (quote === "'" ? escaped.replaceAll("'", "\\'") : escaped) + quote;
}
