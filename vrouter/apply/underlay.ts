/** Who is on this node's segment of the underlay, as the kernel has learnt it. */
import { cidrList } from '../../runtime/cidr.ts';
import { nodeAddresses } from '../linux/node-addresses.ts';
import type { ForwardingState, Underlay } from '../model.ts';
import { interfaceOf } from './host.ts';
import { output } from './run.ts';
import type { Run } from './run.ts';

/** What the look is for. */
type Asked = Pick<ForwardingState, 'address' | 'peers' | 'networks'>;

/** Nothing where the underlay routes no network, or the node's address is on no interface. */
interface Around {
  readonly underlay?: Underlay;
}

export interface UnderlayReader {
  /** The underlay's interface and the nodes there that have answered; the kernel is told to ask those that have not. */
  readonly read: (state: Asked) => Promise<Around>;
  /** Whether a look would find something else than the last `read`; not, where there is nothing to look for yet. */
  readonly hasMoved: (state: Asked | undefined) => Promise<boolean>;
}

/** A reader that remembers what it has read last. */
export function createUnderlayReader(run: Run): UnderlayReader {
  let last = '';
  return {
    async read(state) {
      const underlay = await readUnderlay(run, state);
      last = textOf(underlay);
      return underlay === undefined ? {} : { underlay };
    },
    hasMoved: async (state) => state !== undefined && textOf(await readUnderlay(run, state)) !== last,
  };
}

function textOf(underlay: Underlay | undefined): string {
  return underlay === undefined ? '' : [underlay.device, ...underlay.neighbours].flat().join(' ');
}

async function readUnderlay(run: Run, state: Asked): Promise<Underlay | undefined> {
  if (state.address === undefined || !state.networks.some(({ forwarded }) => forwarded)) return undefined;
  const device = await interfaceOf(run, state.address);
  if (device === undefined) return undefined;
  const [shown, known] = await Promise.all([
    output(run, ['ip', '-o', 'addr', 'show', 'dev', device]),
    output(run, ['ip', 'neigh', 'show', 'dev', device]),
  ]);
  const isNear = cidrList([...shown.matchAll(/ inet6? (\S+\/\d+) /g)].map(([, prefix = '']) => prefix));
  const near = state.peers.flatMap(nodeAddresses).filter(isNear);
  const macs = new Map(
    [...known.matchAll(/^(\S+) .*?lladdr ([0-9a-f:]{17})/gm)].map(([, a = '', mac = '']) => [a, mac]),
  );
  const silent = near.filter((address) => !macs.has(address));
  if (silent.length > 0) await ask(run, silent, device);
  const neighbours = near.flatMap((address) => {
    const mac = macs.get(address);
    return mac === undefined ? [] : [[address, mac] as const];
  });
  return { device, neighbours: new Map(neighbours) };
}

/** Whoever does not answer is asked again at the next look. */
async function ask(run: Run, addresses: readonly string[], device: string): Promise<void> {
  const lines = addresses.map((address) => `neigh replace ${address} dev ${device} use\n`);
  await run(['ip', '-force', '-batch', '-'], lines.join(''));
}
