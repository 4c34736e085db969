/**
 * Answering for addresses of the outside's, on the underlay or at an interface of their own: a proxy entry makes the kernel answer ARP and
 * neighbour solicitations, and a route away from the interface makes it a router for the address. What no service has
 * translated goes by that route into the tunnel's device, and is dropped there: the node's own programs stay out of reach.
 */
import { announcementFrame } from './frames.ts';
import { ROUTE_PROTOCOL } from '../linux/names.ts';
import { interfaceOf } from '../apply/host.ts';
import { output } from '../apply/run.ts';
import type { Run } from '../apply/run.ts';
import { askAs, askAsItself, askersTable } from './askers.ts';
import type { Held } from './choice.ts';
import { createPlaces, type Places } from './places.ts';

export interface Neighbours {
  /**
   * Answers for these addresses and no others, and tells the neighbourhood of new ones. Throws what the kernel refuses, after everything
   * else has been done.
   */
  readonly hold: (addresses: readonly Held[]) => Promise<void>;
  /** Tells the neighbourhood of all that are held once more. */
  readonly repeat: () => Promise<void>;
  /** Answers again for what the kernel has forgotten, as it does when an interface goes down; says what that was. */
  readonly mend: () => Promise<readonly string[]>;
}

/** The address of the underlay is this node's own; `device` is the tunnel's. */
export function createNeighbours(
  run: Run,
  { address: own, device }: { readonly address: string; readonly device: string },
): Neighbours {
  /** What stands: addresses, and where each is answered for. */
  let standing: Map<string, string> | undefined;
  let asking = '';
  const places = createPlaces(run, async () => (await interfaceOf(run, own)) ?? '');
  const take = async (address: string, name: string): Promise<void> => {
    const mac = await places.macAt(name);
    await takeUp(run, { address, device, own, name });
    await announce(run, { address, name, mac });
  };
  return {
    async hold(addresses) {
      // An earlier run of the program may have left addresses that are another node's by now.
      const holding = (standing ??= await readHeld(run, device));
      if (addresses.length === 0 && holding.size === 0) return;
      const wanted = await placed(addresses, places);
      for (const [address, name] of [...holding].filter(([each, name]) => wanted.get(each) !== name)) {
        await release(run, { address, device, name });
        holding.delete(address);
      }
      const table = askersTable(addresses);
      if (table !== asking) await askAs(run, table);
      asking = table;
      const missing = [...wanted].filter(([address]) => !holding.has(address));
      // One interface that is not there is no other's trouble.
      await allTried(missing, async ([address, name]) => {
        await take(address, name);
        holding.set(address, name);
      });
    },
    async repeat() {
      await allTried([...(standing ?? [])], async ([address, name]) =>
        announce(run, { address, name, mac: await places.macAt(name) }),
      );
    },
    async mend() {
      if (standing === undefined || standing.size === 0) return [];
      const listed = new Set(proxiesIn(await output(run, ['ip', 'neigh', 'show', 'proxy'])).map(textOf));
      const forgotten = [...standing].filter((each) => !listed.has(textOf(each)));
      // It may be another interface under that name.
      for (const [, name] of forgotten) places.forget(name);
      await allTried(forgotten, async ([address, name]) => take(address, name));
      return forgotten.map(([address]) => address);
    },
  };
}

/** Lets go of all that any run of the program holds: the end of an uninstallation. Repeatable. */
export async function releaseAll(run: Run, device: string): Promise<void> {
  for (const [address, name] of await readHeld(run, device)) await release(run, { address, device, name });
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

type Place = readonly [address: string, interfaceName: string];

const textOf = ([address, name]: Place): string => `${address} ${name}`;

/** Of a listing of both families. */
function proxiesIn(listing: string): readonly Place[] {
  return [...listing.matchAll(/^(\S+) dev (\S+)/gm)].map(([, address = '', name = '']) => [address, name]);
}

/** The addresses that are held, as the routes say, and where; a device that is gone has none. */
async function readHeld(run: Run, device: string): Promise<Map<string, string>> {
  const lists = ['-4', '-6'].map((each) =>
    run(['ip', each, 'route', 'show', 'table', 'main', 'proto', `${ROUTE_PROTOCOL}`, 'dev', device]),
  );
  const places = new Map(proxiesIn((await run(['ip', 'neigh', 'show', 'proxy'])).stdout));
  const held = (await Promise.all(lists)).flatMap(({ stdout }) =>
    [...stdout.matchAll(/^([0-9a-f.:]+) /gm)].map(([, a = '']) => a),
  );
  return new Map(held.map((address) => [address, places.get(address) ?? '']));
}

interface Taken {
  readonly address: string;
  readonly device: string;
  readonly name: string;
}

async function takeUp(run: Run, { address, device, name, own }: Taken & { readonly own: string }): Promise<void> {
  const source = address.includes(':') || own.includes(':') ? [] : ['src', own];
  await output(run, ['ip', ...routeWords('replace', address, device), ...source]);
  await output(run, ['ip', family(address), 'neigh', 'replace', 'proxy', address, 'dev', name]);
}

/** What is gone already is fine. */
async function release(run: Run, { address, device, name }: Taken): Promise<void> {
  if (name !== '') await run(['ip', family(address), 'neigh', 'del', 'proxy', address, 'dev', name]);
  await run(['ip', ...routeWords('del', address, device)]);
}

function routeWords(verb: string, address: string, device: string): readonly string[] {
  return [family(address), 'route', verb, address, 'dev', device, 'proto', `${ROUTE_PROTOCOL}`];
}

async function announce(
  run: Run,
  { address, name, mac }: { readonly address: string; readonly name: string; readonly mac: string },
): Promise<void> {
  await output(run, ['socat', '-u', '-', `INTERFACE:${name}`], announcementFrame(address, mac));
}

function family(address: string): '-4' | '-6' {
  return address.includes(':') ? '-6' : '-4';
}
