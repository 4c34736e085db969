/** Says which node translates for each router's address, and keeps the addresses' Leases. */
import { isDeepStrictEqual } from 'node:util';
import type { ForwardingState } from '../model.ts';
import type { LeaseBook } from './book.ts';
import { type Candidacy, groupsOf, judge, PROOF_MS, type Sight, SUSPECTED_MS, type Verdict } from './tenure.ts';

/** The name of the node that translates, by a router's address. */
export type Tenants = ReadonlyMap<string, string>;

export type RouterState = Pick<ForwardingState, 'node' | 'address' | 'peers' | 'egress' | 'announcements'>;

export interface Routers {
  readonly set: (state: RouterState) => void;
  /** Looks at once, since a Lease is another than before. */
  readonly look: () => void;
  readonly close: () => void;
}

export interface RoutersDeps extends Pick<Sight, 'silence' | 'presence'> {
  readonly book: LeaseBook;
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

/** Says what Leases say, before the first state; then what is so, and nothing is written before there is a router. */
export function createRouters({ book, silence, presence, onChange }: RoutersDeps): Routers {
  const inform = createInformant(book);
  const clearAway = createClearance(book);
  let around: Around | undefined;
  let tenants: Tenants = new Map();
  let seen = '';

  const tell = (next: Tenants): void => {
    if (isDeepStrictEqual(next, tenants)) return;
    tenants = next;
    onChange(next);
  };
  const look = (): void => {
    const known = around;
    if (known === undefined)
      return tell(new Map(book.list().flatMap(({ address, holder = '' }) => [[address, holder]])));
    const sight = { own: known.own, nodes: known.nodes, silence, presence };
    const candidacies = known.candidacies();
    const doubt = doubtOf(candidacies, sight);
    const informed = inform(doubt !== 'none');
    // Where nothing is under way and everybody is seen as before, all is as it was.
    const now = JSON.stringify(groupsOf(candidacies, { ...sight, ...informed }));
    if (doubt !== 'unsettled' && now === seen) return;
    seen = now;
    const verdicts = candidacies.map((each) => [each.address, judge(each, { ...sight, ...informed })] as const);
    if (book.isRead()) writeSteps(verdicts, known, book);
    tell(
      new Map(
        verdicts.flatMap(([address, { place }]) => (place === undefined ? [] : [[address, known.nameOf(place)]])),
      ),
    );
  };
  const lookAnew = (): void => {
    seen = '';
    look();
  };
  const timer = setInterval(() => {
    if (around === undefined || around.wanted.length + book.list().length === 0) return;
    look();
    clearAway(around);
  }, EVERY_MS);
  timer.unref();
  return {
    set(state) {
      around = aroundOf(book, state);
      lookAnew();
    },
    look: lookAnew,
    close: () => clearInterval(timer),
  };
}

/** What a node knows of nodes, by their underlay addresses, and of addresses. */
interface Around {
  readonly own: string;
  readonly nodes: readonly string[];
  /** Routers' addresses, and the nodes that could translate for each. */
  readonly wanted: readonly Pick<Candidacy, 'address' | 'able'>[];
  readonly candidacies: () => readonly Candidacy[];
  readonly nameOf: (node: string) => string;
}

function aroundOf(book: LeaseBook, { node, address, peers, egress, announcements }: RouterState): Around | undefined {
  if (address === undefined) return undefined;
  const all = [{ name: node, address }, ...peers];
  const [names, addresses] = [
    new Map(all.map((each) => [each.address, each.name])),
    new Map(all.map((each) => [each.name, each.address])),
  ];
  // Of a node that is no more nothing is heard.
  const addressOf = (name: string | undefined) => name && (addresses.get(name) ?? name);
  const routed = new Set(egress.map((each) => each.address));
  const wanted = announcements
    .filter((each) => routed.has(each.address))
    .map(({ address, nodes: able }) => ({ address, able }));
  return {
    own: address,
    nodes: [...names.keys()],
    wanted,
    candidacies: () =>
      wanted.map((each) => {
        const lease = book.get(each.address);
        return {
          ...each,
          holder: addressOf(lease?.holder),
          challenger: addressOf(lease?.challenger),
          standing: book.standing(each.address),
          isRefuted: book.isRefuted(each.address),
        };
      }),
    nameOf: (each) => names.get(each) ?? each,
  };
}

type Verdicts = readonly (readonly [address: string, verdict: Verdict])[];

/** Leases have nodes' names. */
function writeSteps(verdicts: Verdicts, { nameOf }: Around, book: LeaseBook): void {
  for (const [address, { step }] of verdicts)
    if (step !== undefined) book.write(address, step.kind === 'give' ? { ...step, to: nameOf(step.to) } : step);
}

/** `seen`: who holds any may be challenged by whom it does not see. `unsettled`: somebody may have to write. */
function doubtOf(
  all: readonly Candidacy[],
  { own, nodes, silence }: Pick<Sight, 'own' | 'nodes' | 'silence'>,
): 'none' | 'seen' | 'unsettled' {
  const isSilent = (node: string): boolean => node !== own && silence(node) > SUSPECTED_MS;
  if (all.some(({ holder, challenger }) => holder === undefined || challenger !== undefined || isSilent(holder)))
    return 'unsettled';
  return all.some(({ holder }) => holder === own) && nodes.some(isSilent) ? 'seen' : 'none';
}

/**
 * Asks as long as there is doubt, and on for a while: a node that was cut off hears by its watch only when that has found out. Says since
 * when nothing was heard in doubt although it was asked, and since when there was no such pause.
 */
function createInformant(book: LeaseBook): (isDoubtful: boolean) => Pick<Sight, 'unanswered' | 'answered'> {
  const started = performance.now();
  let answered = started;
  let asked = Number.NEGATIVE_INFINITY;
  let doubted = Number.NEGATIVE_INFINITY;
  let paused = Number.NEGATIVE_INFINITY;
  let isAsking = false;
  const ask = async (): Promise<void> => {
    isAsking = true;
    asked = performance.now();
    if (await book.ask()) answered = asked;
    isAsking = false;
  };
  return (isDoubtful) => {
    const now = performance.now();
    if (!book.isRead()) return { unanswered: now - started < PATIENCE_MS ? 0 : Number.POSITIVE_INFINITY, answered: 0 };
    if (isDoubtful) doubted = now;
    else answered = now;
    if (now - doubted < AFTERWARDS_MS && !isAsking && now - asked >= ASK_EVERY_MS) void ask();
    if (now - answered > PROOF_MS) paused = now;
    return { unanswered: now - answered, answered: now - paused };
  };
}

/** Takes away this node's Leases of addresses that no router has any more. */
function createClearance(book: LeaseBook): (around: Around) => void {
  const since = new Map<string, number>();
  return ({ own, wanted, nameOf }) => {
    const addresses = new Set(wanted.map(({ address }) => address));
    for (const { address, holder } of book.list()) {
      if (holder !== nameOf(own) || addresses.has(address)) since.delete(address);
      else if (!since.has(address)) since.set(address, performance.now());
      else if (performance.now() - (since.get(address) ?? 0) > UNWANTED_MS) book.remove(address);
    }
  };
}
