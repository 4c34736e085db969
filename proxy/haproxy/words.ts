/** Users' texts as words of HAProxy's configuration. Pure. */

/** A word that means itself (configuration manual, "Quoting and escaping"). It may hold no line break. */
export function word(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** A word that means itself where a format string is read, in which `%` leads a variable. */
export function literal(text: string): string {
  return word(text.replaceAll('%', '%%'));
}
