/**
 * Answering for addresses of the outside's, on the underlay or at an interface of their own: a proxy entry makes the kernel answer ARP and
 * neighbour solicitations, and a route away from the interface makes it a router for the address. What no service has
 * translated goes by that route into the tunnel's device, and is dropped there: the node's own programs stay out of reach.
 */
import { interfaceOf } from '../apply/host.ts';
import { output } from '../apply/run.ts';
import type { Run } from '../apply/run.ts';
import { askAs, askAsItself, askersTable } from './askers.ts';
import type { Held } from './choice.ts';
import { announcementFrame } from './frames.ts';
import { createPlaces, type Places } from './places.ts';
import { type Place, proxiesIn, readHeld, release, takeUp } from './proxies.ts';

export interface Neighbours {
  /**
   * Answers for these addresses and no others, and tells the neighbourhood of new ones. Throws what the kernel refuses, after everything
   * else has been done.
   */
  readonly hold: (addresses: readonly Held[]) => Promise<void>;
  /** Tells the neighbourhood of all that are held once more. */
  readonly repeat: () => Promise<void>;
  /** Tells it once more of those that were taken `AGAIN_MS` ago; to be called from time to time. */
  readonly remind: () => Promise<void>;
  /** Answers again for what the kernel has forgotten, as it does when an interface goes down; says what that was. */
  readonly mend: () => Promise<readonly string[]>;
}

/**
 * What was taken is told again after so long: who gave it may have told of it last, and a neighbour that has just been told of it hears nothing
 * new for a second (the kernel's `neigh/eth0/locktime`).
 */
const AGAIN_MS = 1500;

/** The address of the underlay is this node's own; `device` is the tunnel's. */
export function createNeighbours(
  run: Run,
  { address: own, device }: { readonly address: string; readonly device: string },
): Neighbours {
  /** What stands: addresses, and where each is answered for. */
  let standing: Map<string, string> | undefined;
  const fresh = createFresh();
  let asking = '';
  const places = createPlaces(run, async () => (await interfaceOf(run, own)) ?? '');
  /** Throws what an interface's own trouble is, after the others have been seen to. */
  const take = async (missing: readonly Place[]): Promise<void> =>
    await allTried([...byInterface(missing)], async ([name, addresses]) => {
      const mac = await places.macAt(name);
      const { taken, refusal } = await takeUp(run, { device, own, name }, addresses);
      for (const address of taken) standing?.set(address, name);
      fresh.add(taken);
      await announce(run, { name, mac }, taken);
      if (refusal !== undefined) throw new Error(refusal);
    });
  const tell = async (known: readonly Place[]): Promise<void> =>
    await allTried([...byInterface(known)], async ([name, addresses]) =>
      announce(run, { name, mac: await places.macAt(name) }, addresses),
    );
  return {
    async hold(addresses) {
      // An earlier run of the program may have left addresses that are another node's by now.
      const holding = (standing ??= await readHeld(run, device));
      if (addresses.length === 0 && holding.size === 0) return;
      const wanted = await placed(addresses, places);
      const leaving = [...holding].filter(([each, name]) => wanted.get(each) !== name);
      await release(run, device, leaving);
      for (const [address] of leaving) holding.delete(address);
      const table = askersTable(addresses);
      if (table !== asking) await askAs(run, table);
      asking = table;
      await take([...wanted].filter(([address]) => !holding.has(address)));
    },
    repeat: async () => await tell([...(standing ?? [])]),
    async remind() {
      const due = fresh.due();
      await tell([...(standing ?? [])].filter(([each]) => due.includes(each)));
      fresh.drop(due);
    },
    async mend() {
      if (standing === undefined || standing.size === 0) return [];
      const listed = new Set(proxiesIn(await output(run, ['ip', 'neigh', 'show', 'proxy'])).map(textOf));
      const forgotten = [...standing].filter((each) => !listed.has(textOf(each)));
      // It may be another interface under that name.
      for (const [, name] of forgotten) places.forget(name);
      await take(forgotten);
      return forgotten.map(([address]) => address);
    },
  };
}

/** What is still to be told again. */
function createFresh() {
  const taken = new Map<string, number>();
  return {
    add: (addresses: readonly string[]): void => {
      for (const each of addresses) taken.set(each, performance.now());
    },
    due: () => [...taken].flatMap(([each, at]) => (performance.now() - at < AGAIN_MS ? [] : [each])),
    drop: (addresses: readonly string[]): void => {
      for (const each of addresses) taken.delete(each);
    },
  };
}

/** Lets go of all that any run of the program holds: the end of an uninstallation. Repeatable. */
export async function releaseAll(run: Run, device: string): Promise<void> {
  await release(run, device, [...(await readHeld(run, device))]);
  await askAsItself(run);
}

async function placed(addresses: readonly Held[], places: Places): Promise<ReadonlyMap<string, string>> {
  const found = addresses.map(
    async ({ address, at }) => [address, at?.interface ?? (await places.underlay())] as const,
  );
  return new Map(await Promise.all(found));
}

/** Does something for each, and then throws what was thrown first. */
async function allTried<T>(all: readonly T[], action: (each: T) => Promise<void>): Promise<void> {
  const thrown: unknown[] = [];
  for (const each of all) await action(each).catch((error: unknown) => thrown.push(error));
  if (thrown.length > 0) throw thrown[0];
}

const textOf = ([address, name]: Place): string => `${address} ${name}`;

function byInterface(places: readonly Place[]): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const [address, name] of places) found.set(name, [...(found.get(name) ?? []), address]);
  return found;
}

/** Fewer than fill a pipe: what is read of one would not be whole frames. */
const AT_ONCE = 500;

/** One program sends many frames, which are equally long in a family: it reads as much at a time as it sends. */
async function announce(
  run: Run,
  { name, mac }: { readonly name: string; readonly mac: string },
  addresses: readonly string[],
): Promise<void> {
  for (const isSixth of [false, true]) {
    const frames = addresses
      .filter((address) => address.includes(':') === isSixth)
      .map((address) => announcementFrame(address, mac));
    for (let at = 0; at < frames.length; at += AT_ONCE) {
      const some = frames.slice(at, at + AT_ONCE);
      await output(run, ['socat', '-u', '-b', `${some[0]?.length}`, '-', `INTERFACE:${name}`], Buffer.concat(some));
    }
  }
}
