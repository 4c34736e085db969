/**
 * When certificates are made, published and replaced. Pure.
 *
 * A CA's life: made → (two thirds of it gone) a next one is made and published beside it → (published everywhere, and
 * ten minutes for mounted files to follow) the next becomes the current, and leaves are signed anew → the old one
 * stays in the bundle until it ends. So at every moment each leaf in use is signed by a CA that is in each bundle in use.
 */
import { BACKDATE_MS, type Pair } from './issue.ts';
import { bundleOf, type CertificateFacts, factsOf, isMatchingPair, isSignedBy } from './pem.ts';

/** The CA as its Secret holds it. */
export interface Authority {
  readonly current: Pair;
  readonly next?: Pair & { readonly since: number };
  /** PEM of every CA that is to be trusted. */
  readonly bundle: string;
}

/** A serving certificate as its Secret holds it, with the bundle that its clients are to trust. */
export interface Leaf extends Pair {
  readonly bundle: string;
}

/** The lengths of lives, in days, and how long a new CA is published before it signs, in milliseconds. */
export interface Lifetimes {
  readonly authorityDays: number;
  readonly leafDays: number;
  readonly publishMs: number;
}

/** The kubelet brings a changed Secret to mounted files within two minutes; ten leave room for a node in trouble. */
export const DEFAULT_LIFETIMES: Lifetimes = { authorityDays: 3 * 365, leafDays: 90, publishMs: 600_000 };

/** What to do with the CA. */
export type AuthorityStep =
  | { readonly step: 'keep' }
  /** There is none, or the one there is of no use: make one; `reason` says why. */
  | { readonly step: 'create'; readonly reason: string }
  | { readonly step: 'introduce'; readonly reason: string }
  | { readonly step: 'promote' }
  /** The bundle is not what it should be: write this one. */
  | { readonly step: 'bundle'; readonly bundle: string };

/** What to do with a serving certificate. */
export type LeafStep =
  | { readonly step: 'keep' }
  | { readonly step: 'issue'; readonly reason: string }
  | { readonly step: 'bundle'; readonly bundle: string };

/** What a decision knows: the time, the lengths of lives, and whether every webhook configuration carries the bundle. */
export interface Situation {
  readonly now: number;
  readonly lifetimes: Lifetimes;
  readonly published: boolean;
}

export function nextAuthorityStep(authority: Authority | undefined, situation: Situation): AuthorityStep {
  if (authority === undefined) return { step: 'create', reason: 'absent' };
  const { now } = situation;
  const facts = factsOf(authority.current.cert);
  if (facts === undefined || !isMatchingPair(authority.current)) return { step: 'create', reason: 'unreadable' };
  const due =
    authority.next === undefined ? dueWithoutNext(facts, now) : dueWithNext(facts, authority.next.since, situation);
  if (due !== undefined) return due;
  const bundle = trustedBundle(authority, now);
  return bundle === authority.bundle ? { step: 'keep' } : { step: 'bundle', bundle };
}

function dueWithoutNext(facts: CertificateFacts, now: number): AuthorityStep | undefined {
  if (facts.notAfter <= now) return { step: 'create', reason: 'ended' };
  return isPastTwoThirds(facts, now) ? { step: 'introduce', reason: 'past two thirds of its life' } : undefined;
}

function dueWithNext(
  facts: CertificateFacts,
  since: number,
  { now, lifetimes, published }: Situation,
): AuthorityStep | undefined {
  const isPublished = published && now - since >= lifetimes.publishMs;
  return isPublished || facts.notAfter <= now ? { step: 'promote' } : undefined;
}

/** What a serving certificate must be. */
export interface LeafWish {
  readonly names: readonly string[];
  readonly authority: Authority;
  /** One made before this moment is replaced, whatever its life. */
  readonly madeAfter?: number;
}

export function nextLeafStep(leaf: Leaf | undefined, wanted: LeafWish, now: number): LeafStep {
  const reason = leaf === undefined ? 'absent' : reasonToIssue(leaf, wanted, now);
  if (leaf === undefined || reason !== undefined) return { step: 'issue', reason: reason ?? 'absent' };
  return leaf.bundle === wanted.authority.bundle
    ? { step: 'keep' }
    : { step: 'bundle', bundle: wanted.authority.bundle };
}

/** The bundle that goes with a CA: its current, its next, and former ones until they end. */
export function trustedBundle({ current, next, bundle }: Authority, now: number): string {
  return bundleOf([current.cert, ...(next === undefined ? [] : [next.cert]), bundle], now);
}

function reasonToIssue(leaf: Leaf, { names, authority, madeAfter }: LeafWish, now: number): string | undefined {
  const facts = factsOf(leaf.cert);
  if (facts === undefined || !isMatchingPair(leaf)) return 'unreadable';
  if (names.some((name) => !facts.names.includes(name))) return 'a name is missing';
  if (!isSignedBy(leaf.cert, authority.current.cert)) return 'signed by another authority';
  if (madeAfter !== undefined && facts.notBefore + BACKDATE_MS < madeAfter) return 'asked for';
  return isPastTwoThirds(facts, now) ? 'past two thirds of its life' : undefined;
}

function isPastTwoThirds(
  { notBefore, notAfter }: { readonly notBefore: number; readonly notAfter: number },
  now: number,
): boolean {
  return now >= notBefore + ((notAfter - notBefore) * 2) / 3;
}
