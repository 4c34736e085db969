/** The sessions of a node, from the BGPRouters that select it. Pure. */
import { createHash } from 'node:crypto';
import { isIPv4, isIPv6 } from 'node:net';
import type { BgpNeighbor, SlimBgpRouter } from '../kubernetes/bgp-router.ts';
import { isSelected, type Labels } from '../kubernetes/selector.ts';
import type { Problem, Served, Session, Speaker } from './model.ts';

export interface NodeFacts {
  /** The node's address. */
  readonly address: string;
  readonly labels: Labels;
  readonly served: Served;
  readonly guarded: readonly string[];
  /** By the keys of the Secret that holds them. */
  readonly passwords: ReadonlyMap<string, string>;
  /** The Secret's name, for whoever misses a key of it. */
  readonly passwordSecret: string;
}

/** A node's speaker, and the neighbors that it cannot have. A neighbor of several routers is the first's by name. */
export function compileSpeaker(
  routers: readonly SlimBgpRouter[],
  facts: NodeFacts,
): { readonly speaker: Speaker; readonly problems: readonly Problem[] } {
  const selecting = selectingRouters(routers, facts.labels);
  const taken = new Map<string, string>();
  const sessions: Session[] = [];
  const problems: Problem[] = [];
  for (const router of selecting)
    for (const neighbor of router.neighbors) {
      const problem = problemOf(router, neighbor, { ...facts, owner: taken.get(neighbor.address) });
      if (problem === undefined) {
        sessions.push(sessionOf(router, neighbor, facts.passwords));
        taken.set(neighbor.address, router.name);
      } else problems.push({ router: router.name, address: neighbor.address, ...problem });
    }
  const { served, guarded } = facts;
  return { speaker: { routerId: routerIdOf(facts.address), served, guarded, sessions }, problems };
}

/** The BGPRouters that select a node with these labels, by name. */
export function selectingRouters(routers: readonly SlimBgpRouter[], labels: Labels): readonly SlimBgpRouter[] {
  return routers
    .filter(({ nodeSelector }) => isSelected(labels, nodeSelector))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function sessionOf(router: SlimBgpRouter, neighbor: BgpNeighbor, passwords: ReadonlyMap<string, string>): Session {
  const { address, asn, port, passwordKey, multihop, bfd } = neighbor;
  const { gracefulRestartSeconds, learn } = router;
  const password = passwordKey === undefined ? undefined : passwords.get(passwordKey);
  return {
    router: router.name,
    name: `r${digest(`${router.name}/${address}`)}`,
    family: isIPv6(address) ? '6' : '4',
    localAsn: router.asn,
    address,
    asn,
    port,
    holdSeconds: router.holdSeconds,
    announce: router.announce,
    communities: router.communities,
    ...(password === undefined ? {} : { password }),
    ...(multihop === undefined ? {} : { multihop }),
    ...(bfd === undefined ? {} : { bfd }),
    ...(gracefulRestartSeconds === undefined ? {} : { gracefulRestartSeconds }),
    ...(learn === undefined
      ? {}
      : {
          learn: { limit: learn.limit, ...(learn.prefixes === undefined ? {} : { prefixes: learn.prefixes }) },
        }),
  };
}

function problemOf(
  router: SlimBgpRouter,
  { address, passwordKey }: BgpNeighbor,
  { owner, passwords, passwordSecret }: NodeFacts & { readonly owner: string | undefined },
): Pick<Problem, 'reason' | 'message'> | undefined {
  if (owner !== undefined)
    return {
      reason: 'NeighborTaken',
      message: `BGPRouter ${owner} has this neighbor on this node; take ${address} out of ${router.name} or ${owner}, or select other nodes`,
    };
  if (passwordKey === undefined) return undefined;
  const password = passwords.get(passwordKey);
  if (password === undefined)
    return { reason: 'PasswordMissing', message: `Secret ${passwordSecret} has no key ${passwordKey}; add it` };
  // TCP MD5 takes 80 bytes, and BIRD's configuration no other characters.
  if (/^[\x20\x21\x23-\x7e]{1,80}$/.test(password)) return undefined;
  return {
    reason: 'PasswordRefused',
    message: `key ${passwordKey} of Secret ${passwordSecret} must be 1 to 80 printable ASCII characters without '"'`,
  };
}

/** A router's identity is four bytes, and every speaker's its own: the node's IPv4 address, or a digest of the IPv6 one. */
function routerIdOf(address: string): string {
  if (isIPv4(address)) return address;
  const bytes = createHash('sha256').update(address).digest();
  // The first byte keeps it out of 0.0.0.0/8 and of multicast.
  return [1 + ((bytes[0] ?? 0) % 223), bytes[1], bytes[2], bytes[3]].join('.');
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 12);
