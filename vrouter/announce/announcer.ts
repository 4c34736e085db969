/** What follows from the lives of other nodes: this node's share of the outside's addresses, and whose back ends are gone. */
import { messageOf } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Run } from '../apply/run.ts';
import type { ForwardingState } from '../model.ts';
import { held } from './choice.ts';
import { createHeartbeat } from './heartbeat.ts';
import { createNeighbours } from './neighbours.ts';

export interface Announcer {
  readonly set: (state: Pick<ForwardingState, 'address' | 'peers' | 'announcements'>) => void;
  readonly close: () => void;
}

export interface AnnouncerOptions {
  readonly run: Run;
  readonly device: string;
  readonly port: number;
  readonly log: Logger;
  /** Called with the names of nodes that have died, whenever they are others than before. */
  readonly onDead: (nodes: readonly string[]) => void;
}

/** An announcer; nothing is sent before the node's address is known. What it holds stays when it is closed. */
export function createAnnouncer(options: AnnouncerOptions): Announcer {
  let running: Running | undefined;
  return {
    set(state) {
      // A node's address is its own as long as it lives.
      if (running === undefined && state.address !== undefined) running = start(state.address, options);
      running?.set(state);
    },
    close: () => running?.close(),
  };
}

type Known = Pick<ForwardingState, 'peers' | 'announcements'>;

interface Running {
  readonly set: (known: Known) => void;
  readonly close: () => void;
}

function start(own: string, options: AnnouncerOptions): Running {
  const { port, log } = options;
  const hold = createHolder(own, options);
  const mourn = createMourner(options);
  let known: Known = { peers: [], announcements: [] };
  const onLook = (): void => {
    const gone = new Set(heartbeat.dead());
    mourn(known.peers.flatMap(({ name, address }) => (gone.has(address) ? [name] : [])));
    const alive = heartbeat.alive();
    if (alive !== undefined) void hold(held(known.announcements, { own, alive }), alive);
  };
  const heartbeat = createHeartbeat({ own, port }, { onLook, log });
  return {
    set(next) {
      known = next;
      heartbeat.watch(next.peers.map(({ address }) => address));
    },
    close: heartbeat.close,
  };
}

/** Tells of silent nodes, when they are others than before. */
function createMourner({ log, onDead }: AnnouncerOptions): (nodes: readonly string[]) => void {
  let before = '';
  return (nodes) => {
    if (nodes.join() === before) return;
    before = nodes.join();
    log.warn({ nodes }, 'nodes that are silent');
    onDead(nodes);
  };
}

/**
 * Holds addresses, when they are others than before; what fails is tried again at the next look. When a node is back, who has held
 * an address meanwhile may have told the neighbourhood so: what is held here is told again.
 */
function createHolder(
  own: string,
  { run, device, log }: AnnouncerOptions,
): (addresses: readonly string[], alive: ReadonlySet<string>) => Promise<void> {
  const neighbours = createNeighbours(run, { address: own, device });
  let before = '';
  let lived: ReadonlySet<string> = new Set();
  let isBusy = false;
  return async (addresses, alive) => {
    if (isBusy) return;
    isBusy = true;
    const isSomebodyBack = [...alive].some((node) => !lived.has(node));
    try {
      if (addresses.join() !== before) {
        await neighbours.hold(addresses);
        log.info({ addresses }, 'answering for addresses');
      }
      if (isSomebodyBack) await neighbours.repeat();
      [before, lived] = [addresses.join(), alive];
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'cannot answer for an address');
    } finally {
      isBusy = false;
    }
  };
}
