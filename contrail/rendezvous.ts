/**
 * Choosing one of several nodes by the highest score (rendezvous hashing): everybody who knows the same nodes chooses alike, and when
 * one goes only what was its own moves. Pure.
 */

/** The node that has something (an address) by its name, of those that can; none where nobody can. */
export function holderOf(name: string, able: readonly string[]): string | undefined {
  return able.reduce<string | undefined>(
    (best, node) => (best === undefined || score(name, node) > score(name, best) ? node : best),
    undefined,
  );
}

/** FNV-1a with a final mix, since the last characters of addresses alone would hardly move the high bits. */
function score(name: string, node: string): number {
  let hash = 0x811c9dc5;
  for (const character of `${name} ${node}`) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
