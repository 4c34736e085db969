/** Says which node translates for each router's address, and keeps the addresses' Leases. */
import { isDeepStrictEqual } from 'node:util';
import type { ForwardingState } from '../model.ts';
import type { LeaseBook } from './book.ts';
import { type Candidacy, groupsOf, judge, type Sight, SUSPECTED_MS } from './tenure.ts';

/** The name of the node that translates, by a router's address. */
export type Tenants = ReadonlyMap<string, string>;

export type RouterState = Pick<ForwardingState, 'node' | 'address' | 'peers' | 'egress' | 'announcements'>;

export interface Routers {
  readonly set: (state: RouterState) => void;
  /** Looks at once, since a Lease is another than before. */
  readonly look: () => void;
  readonly close: () => void;
}

export interface RoutersDeps {
  readonly book: LeaseBook;
  /** Since when a node is silent, by its underlay address, in milliseconds. */
  readonly silence: (address: string) => number;
  /** Called when an address is at another node than before. */
  readonly onChange: (tenants: Tenants) => void;
}

const EVERY_MS = 100;
const ASK_EVERY_MS = 150;
const AFTERWARDS_MS = 5000;
/** Who comes up without the API server waits so long for it. */
export const PATIENCE_MS = 3000;
/** A node may be given an address before it hears of its router. */
const UNWANTED_MS = 30_000;

/** Nothing is done before the first state that has a router. */
export function createRouters({ book, silence, onChange }: RoutersDeps): Routers {
  const inform = createInformant(book);
  const clearAway = createClearance(book);
  let state: RouterState | undefined;
  let wanted: readonly Wanted[] = [];
  let tenants: Tenants | undefined;
  let seen = '';

  const look = (): void => {
    if (state === undefined || wanted.length === 0) return;
    const sight = sightOf(state, silence);
    const doubt = doubtOf(book, { wanted, sight });
    const unanswered = inform(doubt !== 'none');
    // Where nothing is under way and everybody is seen as before, all is as it was.
    const now = JSON.stringify(groupsOf({ ...sight, unanswered }));
    if (doubt !== 'unsettled' && now === seen) return;
    seen = now;
    const next = new Map<string, string>();
    for (const { address, able } of wanted) {
      const { place, step } = judge(candidacyOf(book, { address, able }), { ...sight, unanswered });
      if (place !== undefined) next.set(address, place);
      if (step !== undefined && book.isRead()) book.write(address, step);
    }
    if (isDeepStrictEqual(next, tenants)) return;
    tenants = next;
    onChange(next);
  };
  const lookAnew = (): void => {
    seen = '';
    look();
  };
  const timer = setInterval(() => {
    look();
    if (state !== undefined) clearAway(state.node, wanted);
  }, EVERY_MS);
  timer.unref();
  return {
    set(next) {
      state = next;
      wanted = candidatesOf(next);
      lookAnew();
    },
    look: lookAnew,
    close: () => clearInterval(timer),
  };
}

type Wanted = Pick<Candidacy, 'address' | 'able'>;

/** Routers' addresses, and the nodes that could translate for each. */
function candidatesOf({ node, address: own, peers, egress, announcements }: RouterState): readonly Wanted[] {
  const names = new Map([...peers.map(({ name, address }) => [address, name] as const), [own, node]]);
  const addresses = new Set(egress.map(({ address }) => address));
  return announcements
    .filter(({ address }) => addresses.has(address))
    .map(({ address, nodes }) => ({ address, able: nodes.flatMap((each) => names.get(each) ?? []) }));
}

function candidacyOf(book: LeaseBook, { address, able }: Wanted): Candidacy {
  const { holder, challenger } = book.get(address) ?? {};
  return {
    address,
    able,
    holder,
    challenger,
    standing: book.standing(address),
    isRefuted: book.isRefuted(address),
  };
}

type Seen = Omit<Sight, 'unanswered'>;

function sightOf({ node, peers }: RouterState, silence: (address: string) => number): Seen {
  const addresses = new Map(peers.map(({ name, address }) => [name, address]));
  return {
    own: node,
    nodes: [node, ...addresses.keys()],
    silence: (name) => {
      const address = addresses.get(name);
      return address === undefined ? Number.POSITIVE_INFINITY : silence(address);
    },
  };
}

/** `seen`: who holds any may be challenged by whom it does not see. `unsettled`: somebody may have to write. */
function doubtOf(
  book: LeaseBook,
  { wanted, sight }: { readonly wanted: readonly Wanted[]; readonly sight: Seen },
): 'none' | 'seen' | 'unsettled' {
  const isSilent = (node: string): boolean => node !== sight.own && sight.silence(node) > SUSPECTED_MS;
  const leases = wanted.map(({ address }) => book.get(address));
  if (leases.some((lease) => lease?.holder === undefined || lease.challenger !== undefined || isSilent(lease.holder)))
    return 'unsettled';
  return leases.some((lease) => lease?.holder === sight.own) && sight.nodes.some(isSilent) ? 'seen' : 'none';
}

/**
 * Asks as long as there is doubt, and on for a while: a node that was cut off hears by its watch only when that has found out. Answers since
 * when nothing was heard in doubt although it was asked, in milliseconds.
 */
function createInformant(book: LeaseBook): (isDoubtful: boolean) => number {
  const started = performance.now();
  let answered = started;
  let asked = Number.NEGATIVE_INFINITY;
  let doubted = Number.NEGATIVE_INFINITY;
  let isAsking = false;
  const ask = async (): Promise<void> => {
    isAsking = true;
    asked = performance.now();
    if (await book.ask()) answered = asked;
    isAsking = false;
  };
  return (isDoubtful) => {
    const now = performance.now();
    if (!book.isRead()) return now - started < PATIENCE_MS ? 0 : Number.POSITIVE_INFINITY;
    if (isDoubtful) doubted = now;
    else answered = now;
    if (now - doubted < AFTERWARDS_MS && !isAsking && now - asked >= ASK_EVERY_MS) void ask();
    return now - answered;
  };
}

/** Takes away this node's Leases of addresses that no router has any more. */
function createClearance(book: LeaseBook): (own: string, wanted: readonly Wanted[]) => void {
  const since = new Map<string, number>();
  return (own, wanted) => {
    const addresses = new Set(wanted.map(({ address }) => address));
    for (const { address, holder } of book.list()) {
      if (holder !== own || addresses.has(address)) since.delete(address);
      else if (!since.has(address)) since.set(address, performance.now());
      else if (performance.now() - (since.get(address) ?? 0) > UNWANTED_MS) book.remove(address);
    }
  };
}
