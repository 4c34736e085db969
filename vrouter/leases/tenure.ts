/**
 * Who translates for a router's address: the node that the address's Lease names, so that two never do. A Lease is not renewed; whoever
 * sees its holder no longer asks there, and takes it where the holder does not answer. Pure.
 *
 *     nobody's ──the chosen node claims──► held ──another is chosen, and in sight: given──► held by it
 *                                          │  ▲
 *      its holder is silent: challenged by │  └── it answers: refuted
 *                   who is chosen then ────┘ ──── it does not: given to the challenger
 *
 * A holder that may have been challenged without hearing of it lets go first: SUSPECTED_MS and PROOF_MS after it was last in sight, before
 * SILENT_MS and ANSWER_MS have passed. Among most of the nodes it does not, nor does a dead holder's successor there wait for ever, where
 * the API server answers nobody.
 */
import { holderOf } from '../../contrail/rendezvous.ts';

/** After so much silence of a node holders ask the API server, again and again, whether they are challenged. */
export const SUSPECTED_MS = 400;
/** What the API server has said counts for so long. */
export const PROOF_MS = 400;
/** After so much silence of its holder an address is challenged. */
const SILENT_MS = 700;
/** A challenge that has stood so long is not answered. */
const ANSWER_MS = 600;
/** After so much silence a node, or the API server, is away. */
const AWAY_MS = 1200;

/** Who is given an address has been in sight for so long: it is ready to take it. */
const READY_MS = 2000;
/** Who has taken an address keeps it for so long: its neighbourhood, which it tells twice, heeds no other word in the meantime. */
const SETTLED_MS = 2000;

/** What a node sees. Nodes are named by their underlay addresses, by which all choose alike, those too that know of no Leases. */
export interface Sight {
  readonly own: string;
  /** Every node, this one among them. */
  readonly nodes: readonly string[];
  /** Since when a node is silent, in milliseconds; infinite for one that is not known. */
  readonly silence: (node: string) => number;
  /** Since when a node is heard of without a pause, in milliseconds. */
  readonly presence: (node: string) => number;
  /** Since when the API server has said nothing, although it was asked, in milliseconds. */
  readonly unanswered: number;
  /** Since when it answers without a pause, in milliseconds. */
  readonly answered: number;
}

export interface Candidacy {
  readonly address: string;
  /** The nodes that could translate for it. */
  readonly able: readonly string[];
  /** Who translates by its Lease; `undefined`: nobody does yet. */
  readonly holder: string | undefined;
  /** Who has challenged the holder. */
  readonly challenger: string | undefined;
  /** Since when its Lease says so, in milliseconds. */
  readonly standing: number;
  /** Whether a challenge of this node's was refuted lately. */
  readonly isRefuted: boolean;
}

/** What a node writes into a Lease: who has it, that its holder is asked for, or that it is there. */
export type Step = { readonly kind: 'give'; readonly to: string } | { readonly kind: 'challenge' | 'refute' };

export interface Verdict {
  /** The node that translates, as far as is known here; this one only where it may. */
  readonly place: string | undefined;
  readonly step?: Step;
}

/** Where an address is now, and what this node has to write. */
export function judge(candidacy: Candidacy, sight: Sight): Verdict {
  const { address, able, holder } = candidacy;
  const { own } = sight;
  const chosen = holderOf(address, able.filter(inSight(sight, SILENT_MS)));
  const step =
    holder === own
      ? stepOfHolder(candidacy, { chosen: chosen ?? own, sight })
      : chosen === own && stepOfChosen(candidacy, sight);
  const place = holder === own ? placeOfHolder(candidacy, sight) : placeElsewhere(candidacy, sight);
  return { place, ...(step && { step }) };
}

function stepOfHolder(
  { challenger, holder, standing }: Candidacy,
  { chosen, sight }: { readonly chosen: string; readonly sight: Sight },
): Step | undefined {
  if (challenger !== undefined) return { kind: 'refute' };
  const isEarly = standing < SETTLED_MS || sight.presence(chosen) < READY_MS;
  return chosen === holder || isEarly ? undefined : { kind: 'give', to: chosen };
}

/** Who was cut off itself hears of the holder before long, and challenges nobody until then. */
function stepOfChosen(candidacy: Candidacy, { own, silence, answered }: Sight): Step | undefined {
  const { holder, challenger, standing, isRefuted } = candidacy;
  if (holder === undefined) return { kind: 'give', to: own };
  if (silence(holder) < SILENT_MS || isRefuted || answered < PROOF_MS) return undefined;
  if (challenger === own) return standing < ANSWER_MS ? undefined : { kind: 'give', to: own };
  // Another one that is chosen, by what it sees, is let finish.
  return challenger !== undefined && standing < 2 * ANSWER_MS ? undefined : { kind: 'challenge' };
}

function placeOfHolder(candidacy: Candidacy, sight: Sight): string | undefined {
  return sight.unanswered < PROOF_MS || isAmongMost(sight) ? sight.own : another(candidacy, sight);
}

/** A dead holder's successor is chosen alike by all; it translates once the Lease is its own, or where none can be had. */
function placeElsewhere(candidacy: Candidacy, sight: Sight): string | undefined {
  const { address, able, holder } = candidacy;
  const isAlive = inSight(sight, AWAY_MS);
  if (holder !== undefined && isAlive(holder)) return holder;
  const successor = holderOf(address, able.filter(isAlive));
  const mayBeOwn = sight.unanswered > AWAY_MS && isAmongMost(sight);
  return successor !== sight.own || mayBeOwn ? successor : another(candidacy, sight);
}

/** Somebody else where there is anybody: what pods here have for the outside must not leave from here. */
function another({ address, able }: Candidacy, { own }: Sight): string | undefined {
  return holderOf(
    address,
    able.filter((node) => node !== own),
  );
}

function isAmongMost(sight: Sight): boolean {
  return sight.nodes.filter(inSight(sight, AWAY_MS)).length * 2 > sight.nodes.length;
}

/** What verdicts depend on that time alone changes: while these are the same, so are all that nobody is writing for. */
export function groupsOf(all: readonly Candidacy[], sight: Sight): readonly unknown[] {
  const { own, nodes, presence, unanswered } = sight;
  const within = (limitMs: number): readonly string[] => nodes.filter(inSight(sight, limitMs));
  const ready = nodes.filter((node) => presence(node) >= READY_MS);
  const isSettled = all.every(({ holder, standing }) => holder !== own || standing >= SETTLED_MS);
  return [within(SILENT_MS), within(AWAY_MS), ready, isSettled, unanswered < PROOF_MS, unanswered > AWAY_MS];
}

function inSight({ own, silence }: Sight, limitMs: number): (node: string) => boolean {
  return (node) => node === own || silence(node) < limitMs;
}
