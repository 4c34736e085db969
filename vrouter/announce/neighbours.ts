/**
 * Answering for addresses of the outside's on the underlay: a proxy entry makes the kernel answer ARP and neighbour
 * solicitations, and a route away from the underlay's interface makes it a router for the address. What no service has
 * translated goes by that route into the tunnel's device, and is dropped there: the node's own programs stay out of reach.
 */
import { announcementFrame } from './frames.ts';
import { ROUTE_PROTOCOL } from '../linux/names.ts';
import { interfaceOf } from '../apply/host.ts';
import { output } from '../apply/run.ts';
import type { Run } from '../apply/run.ts';

export interface Neighbours {
  /** Answers for these addresses and no others, and tells the neighbourhood of new ones. Throws what the kernel refuses. */
  readonly hold: (addresses: readonly string[]) => Promise<void>;
  /** Tells the neighbourhood of all that are held once more. */
  readonly repeat: () => Promise<void>;
  /** Answers again for what the kernel has forgotten, as it does when the interface goes down; says what that was. */
  readonly mend: () => Promise<readonly string[]>;
}

/** For the interface that has the node's own address. `device` is the tunnel's. */
export function createNeighbours(
  run: Run,
  { address: own, device }: { readonly address: string; readonly device: string },
): Neighbours {
  let adopted: Set<string> | undefined;
  let underlay: { readonly name: string; readonly mac: string } | undefined;
  return {
    async hold(addresses) {
      // An earlier run of the program may have left addresses that are another node's by now.
      const holding = (adopted ??= new Set(await readHeld(run, device)));
      if (addresses.length === 0 && holding.size === 0) return;
      underlay ??= await prepare(run, own);
      const wanted = new Set(addresses);
      for (const address of [...holding].filter((each) => !wanted.has(each))) {
        await release(run, { address, device, name: underlay.name });
        holding.delete(address);
      }
      for (const address of addresses.filter((each) => !holding.has(each))) {
        await take(run, { address, device, own, name: underlay.name });
        holding.add(address);
        await announce(run, { address, ...underlay });
      }
    },
    async repeat() {
      for (const address of adopted ?? []) if (underlay !== undefined) await announce(run, { address, ...underlay });
    },
    async mend() {
      if (underlay === undefined || adopted === undefined || adopted.size === 0) return [];
      const standing = new Set(
        proxiesIn(await output(run, ['ip', 'neigh', 'show', 'proxy'])).map(([address]) => address),
      );
      const forgotten = [...adopted].filter((address) => !standing.has(address));
      for (const address of forgotten) {
        await take(run, { address, device, own, name: underlay.name });
        await announce(run, { address, ...underlay });
      }
      return forgotten;
    },
  };
}

/** Lets go of all that any run of the program holds: the end of an uninstallation. Repeatable. */
export async function releaseAll(run: Run, device: string): Promise<void> {
  const held = new Set(await readHeld(run, device));
  for (const [address, name] of proxiesIn((await run(['ip', 'neigh', 'show', 'proxy'])).stdout)) {
    if (held.has(address)) await release(run, { address, device, name });
  }
}

/** Of a listing of both families. */
function proxiesIn(listing: string): readonly (readonly [address: string, device: string])[] {
  return [...listing.matchAll(/^(\S+) dev (\S+)/gm)].map(([, address = '', device = '']) => [address, device]);
}

/** The addresses that are held, as the routes say; a device that is gone has none. */
async function readHeld(run: Run, device: string): Promise<readonly string[]> {
  const lists = ['-4', '-6'].map((each) =>
    run(['ip', each, 'route', 'show', 'table', 'main', 'proto', `${ROUTE_PROTOCOL}`, 'dev', device]),
  );
  return (await Promise.all(lists)).flatMap(({ stdout }) =>
    [...stdout.matchAll(/^([0-9a-f.:]+) /gm)].map(([, a = '']) => a),
  );
}

/** The interface, told to answer at once for whatever it is a proxy of. */
async function prepare(run: Run, own: string): Promise<{ readonly name: string; readonly mac: string }> {
  const name = (await interfaceOf(run, own)) ?? '';
  const mac = / link\/ether (\S+)/.exec(await output(run, ['ip', '-o', 'link', 'show', 'dev', name]))?.[1] ?? '';
  const script = [
    `echo 0 > /proc/sys/net/ipv4/neigh/${name}/proxy_delay`,
    `[ ! -e /proc/sys/net/ipv6/conf/${name} ] || { echo 1 > /proc/sys/net/ipv6/conf/${name}/proxy_ndp; echo 0 > /proc/sys/net/ipv6/neigh/${name}/proxy_delay; }`,
  ];
  await output(run, ['sh', '-e'], `${script.join('\n')}\n`);
  return { name, mac };
}

interface Place {
  readonly address: string;
  readonly device: string;
  readonly name: string;
}

async function take(run: Run, { address, device, name, own }: Place & { readonly own: string }): Promise<void> {
  const source = address.includes(':') || own.includes(':') ? [] : ['src', own];
  await output(run, ['ip', ...routeWords('replace', address, device), ...source]);
  await output(run, ['ip', family(address), 'neigh', 'replace', 'proxy', address, 'dev', name]);
}

/** What is gone already is fine. */
async function release(run: Run, { address, device, name }: Place): Promise<void> {
  await run(['ip', family(address), 'neigh', 'del', 'proxy', address, 'dev', name]);
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
