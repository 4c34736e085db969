/** The interfaces that networks outside are at, as the kernel has them. */
import type { Logger } from '../../runtime/log.ts';
import type { ForwardingState, Interfaces } from '../model.ts';
import { interfaceOf } from './host.ts';
import { output } from './run.ts';
import type { Run } from './run.ts';

/** What the look is for. */
type Asked = Pick<ForwardingState, 'address' | 'externals'>;

/** Nothing where no network is at an interface. */
interface Around {
  readonly interfaces?: Interfaces;
}

export interface InterfaceReader {
  /** What is there. What an interface that was down, or another one of that name, has lost is told to `onAnew`. */
  readonly read: (state: Asked) => Promise<Around>;
  /** Whether a look would find something else than the last `read`. */
  readonly hasMoved: (state: Asked | undefined) => Promise<boolean>;
}

interface ReaderDeps {
  readonly run: Run;
  readonly log: Logger;
  readonly onAnew: (name: string) => void;
}

/** A reader that remembers what it has read last, and says in the log which interfaces are missing. */
export function createInterfaceReader({ run, log, onAnew }: ReaderDeps): InterfaceReader {
  let last: Links = new Map();
  let fabric: string | undefined;
  return {
    async read(state) {
      const links = await readLinks(run, state);
      for (const [name, { text }] of links) if (last.has(name) && last.get(name)?.text !== text) onAnew(name);
      sayMissing(log, state, { links, last });
      last = links;
      if (state.externals.length === 0) return {};
      // Whichever it was last: nothing may be taken for outside because the node is without its address for a moment.
      fabric = (await fabricOf(run, state)) ?? fabric;
      const up = [...links].filter(([, { isUp }]) => isUp).map(([name]) => name);
      return { interfaces: { up: new Set(up), ...(fabric === undefined ? {} : { fabric }) } };
    },
    hasMoved: async (state) => state !== undefined && textOf(await readLinks(run, state)) !== textOf(last),
  };
}

interface Link {
  readonly isUp: boolean;
  /** Another one for another interface of the name, and after each time that it was down. */
  readonly text: string;
}

/** The interfaces that are asked for; one that is not there is down. */
type Links = ReadonlyMap<string, Link>;

function textOf(links: Links): string {
  return [...links].map(([name, { text }]) => `${name} ${text}`).join('\n');
}

/** One process for all. */
async function readLinks(run: Run, { externals }: Asked): Promise<Links> {
  const names = [...new Set(externals.map((each) => each.interface))].filter((name) => name !== '').sort();
  if (names.length === 0) return new Map();
  const shown = await output(run, ['sh'], `for i in ${names.join(' ')}; do ${LOOK}; done\n`);
  return new Map(
    [...shown.matchAll(/^(\S+) ?(.*)$/gm)].map(([, name = '', text = '']) => [
      name,
      // Some kinds of devices do not know whether they have a carrier.
      { isUp: /^\d+ (up|unknown) /.test(text), text },
    ]),
  );
}

/** Its addresses are of interest since the kernel drops all routes of an interface with the last one. */
const LOOK = [
  'cd /sys/class/net/$i 2>/dev/null || { echo $i; continue; }',
  'echo $i $(cat ifindex operstate carrier_changes address; ip -o -4 addr show dev $i | grep -o "inet [^ ]*")',
].join('; ');

async function fabricOf(run: Run, { address }: Asked): Promise<string | undefined> {
  return address === undefined ? undefined : await interfaceOf(run, address);
}

/** Once for each time that it comes about. */
function sayMissing(
  log: Logger,
  { externals }: Asked,
  { links, last }: { readonly links: Links; readonly last: Links },
): void {
  for (const { name: network, interface: name } of externals) {
    const [before, now] = [last.get(name)?.isUp, links.get(name)?.isUp === true];
    if (before === now) continue;
    if (now) log.info({ network, interface: name }, 'serving a network outside at an interface');
    else
      log.warn(
        { network, interface: name },
        'interface of a network outside is not there, or is down: not served by this node',
      );
  }
}
