/** Structured annotation text: JSON, or the Python literals that the original system accepted. Pure. */

/** A token of a Python literal: a string in either quote, a word, a number, or punctuation, with the space before it. */
const TOKEN =
  /\s*(?:u?'((?:[^'\\]|\\.)*)'|u?"((?:[^"\\]|\\.)*)"|(True|False|None|true|false|null)|(-?\d+(?:\.\d+)?)|([{}[\]():,]))/y;
const WORDS: Readonly<Record<string, string>> = { True: 'true', False: 'false', None: 'null' };
const BRACKETS: Readonly<Record<string, string>> = { '(': '[', ')': ']' };

/**
 * The value of JSON or Python literal text, `{'domain': 'default-domain'}` and `{"domain": "default-domain"}` alike;
 * `undefined` when it is neither.
 */
export function literalValue(text: string): unknown {
  return jsonValue(text) ?? jsonValue(jsonOfPython(text) ?? '');
}

function jsonValue(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined; // Not JSON: the verdict of this question, not a failure.
  }
}

function jsonOfPython(text: string): string | undefined {
  const source = text.trimEnd();
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < source.length) {
    const match = TOKEN.exec(source);
    if (match === null) return undefined;
    tokens.push(jsonToken(match));
  }
  // Python allows a comma after the last item.
  return tokens.filter((token, index) => token !== ',' || !/^[}\]]$/.test(tokens[index + 1] ?? '')).join('');
}

function jsonToken([, single, double, word, number, mark]: RegExpExecArray): string {
  if (single !== undefined) return quoted(single.replaceAll("\\'", "'"));
  if (double !== undefined) return quoted(double.replaceAll('\\"', '"'));
  if (word !== undefined) return WORDS[word] ?? word;
  return number ?? BRACKETS[mark ?? ''] ?? mark ?? '';
}

function quoted(raw: string): string {
  return JSON.stringify(raw.replaceAll('\\\\', '\\'));
}
