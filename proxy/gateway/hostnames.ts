/** Hostnames of listeners and routes: empty for any, a leading `*.` for all that end so, with one label more or several. Pure. */

/** Whether every name that `inner` stands for is one that `outer` stands for. */
export function covers(outer: string, inner: string): boolean {
  if (outer === '' || outer === inner) return true;
  return outer.startsWith('*.') && inner.endsWith(outer.slice(1)) && inner.length >= outer.length;
}

/** What both stand for, or nothing. */
function intersection(a: string, b: string): string | undefined {
  if (covers(a, b)) return b;
  return covers(b, a) ? a : undefined;
}

/** What a listener's hostname and those of a route have in common; a route without any takes the listener's. */
export function commonHostnames(listener: string, route: readonly string[]): readonly string[] {
  if (route.length === 0) return [listener];
  return [...new Set(route.flatMap((each) => intersection(listener, each) ?? []))];
}

/** Sorts the most specific first: whole names, then wildcards, each by length (HTTPRoute, `hostnames`). */
export function bySpecificity(a: string, b: string): number {
  return rank(a) - rank(b) || b.length - a.length;
}

function rank(host: string): number {
  if (host === '') return 2;
  return host.startsWith('*.') ? 1 : 0;
}
