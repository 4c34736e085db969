/** What a word of the form `<namespace>/<name>` names; `undefined` for any other. */
export function named(text: string): { readonly namespace: string; readonly name: string } | undefined {
  const [namespace = '', name = '', ...others] = text.split('/');
  return namespace === '' || name === '' || others.length > 0 ? undefined : { namespace, name };
}
