/**
 * What follows from what nodes tell each other: this node's share of the outside's addresses, whose back ends are gone, and
 * which back ends are not well.
 */
import { messageOf } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Run } from '../apply/run.ts';
import type { ForwardingState } from '../model.ts';
import { type Held, held } from './choice.ts';
import { createReports, reportOf } from './health-reports.ts';
import { createHeartbeat, type Heartbeat } from './heartbeat.ts';
import { createNeighbours, type Neighbours } from './neighbours.ts';

/** Nobody is silent before this node listens. */
export interface Announcer extends Pick<Heartbeat, 'silence' | 'presence'> {
  readonly set: (state: Pick<ForwardingState, 'address' | 'peers' | 'announcements'>) => void;
  /** Tells other nodes which back ends of this one are not well. */
  readonly tellUnwell: (subjects: readonly string[]) => void;
  /** Other nodes are told, and bear with this one while it is restarted. */
  readonly close: () => Promise<void>;
}

export interface AnnouncerOptions {
  readonly run: Run;
  readonly device: string;
  readonly port: number;
  readonly log: Logger;
  /** Called with the names of nodes that have died, whenever they are others than before. */
  readonly onDead: (nodes: readonly string[]) => void;
  /** Called with the back ends of other nodes that are not well, by their subjects, when something new is heard of them. */
  readonly onUnwell: (subjects: readonly string[]) => void;
}

/** An announcer; nothing is sent before the node's address is known. What it holds stays when it is closed. */
export function createAnnouncer(options: AnnouncerOptions): Announcer {
  let running: Running | undefined;
  let own: string | undefined;
  let report: readonly string[] = [];
  let version = Date.now();
  return {
    set(state) {
      // A node may be given another address while it lives: others hear of it, and ask it, at that one alone.
      if (state.address !== undefined && state.address !== own) {
        running?.close();
        own = state.address;
        running = start(own, options);
        running.say(report);
      }
      running?.set(state);
    },
    tellUnwell(subjects) {
      version += 1;
      report = reportOf(subjects, version);
      running?.say(report);
    },
    silence: (node) => running?.silence(node) ?? 0,
    presence: (node) => running?.presence(node) ?? 0,
    async close() {
      await running?.leave();
      running?.close();
    },
  };
}

type Known = Pick<ForwardingState, 'peers' | 'announcements'>;

interface Running extends Pick<Heartbeat, 'say' | 'silence' | 'presence' | 'leave' | 'close'> {
  readonly set: (known: Known) => void;
}

function start(own: string, options: AnnouncerOptions): Running {
  const { port, log, onUnwell } = options;
  const hold = createHolder(own, options);
  const reports = createReports();
  const mourn = createMourner(options);
  let known: Known = { peers: [], announcements: [] };
  const onLook = (): void => {
    const gone = new Set(heartbeat.dead());
    const { peers } = known;
    mourn(peers.flatMap(({ name, address }) => (gone.has(address) ? [name] : [])));
    const others = peers.flatMap(({ address }) => (gone.has(address) ? [] : [address]));
    // What a dead node said last holds no longer: its pods may be elsewhere.
    if (reports.keep(others)) onUnwell(reports.unwell());
    holdOwn();
  };
  const holdOwn = (): void => {
    const alive = heartbeat.alive();
    if (alive !== undefined) void hold(held(known.announcements, { own, alive }), alive);
  };
  const onHear = (node: string, text: string): void => {
    if (reports.hear(node, text)) onUnwell(reports.unwell());
  };
  const heartbeat = createHeartbeat({ own, port }, { onLook, onHear, log });
  return {
    set(next) {
      known = next;
      heartbeat.watch(next.peers.map(({ address }) => address));
      holdOwn();
    },
    say: heartbeat.say,
    silence: heartbeat.silence,
    presence: heartbeat.presence,
    leave: heartbeat.leave,
    close: heartbeat.close,
  };
}

/** Tells of silent nodes, when they are others than before. */
function createMourner({ log, onDead }: AnnouncerOptions): (nodes: readonly string[]) => void {
  let before = '';
  return (nodes) => {
    if (nodes.join() === before) return;
    before = nodes.join();
    if (nodes.length > 0) log.warn({ nodes }, 'nodes that are silent');
    else log.info('every node is heard of again');
    onDead(nodes);
  };
}

/** Looks at the kernel's own list are this many looks at nodes apart: about a second. */
const LOOKS = 3;

/**
 * Holds addresses, when they are others than before; what fails is tried again at the next look. When a node is back, who has held
 * an address meanwhile may have told the neighbourhood so: what is held here is told again. So is what the kernel has forgotten.
 */
function createHolder(
  own: string,
  { run, device, log }: AnnouncerOptions,
): (places: readonly Held[], alive: ReadonlySet<string>) => Promise<void> {
  const neighbours = createNeighbours(run, { address: own, device });
  let before = '';
  let complaint = '';
  let lived: ReadonlySet<string> = new Set();
  let looks = 0;
  let isBusy = false;
  return async (places, alive) => {
    if (isBusy) return;
    const wanted = JSON.stringify(places);
    isBusy = true;
    looks += 1;
    const isSomebodyBack = [...alive].some((node) => !lived.has(node));
    try {
      if (wanted !== before) {
        await neighbours.hold(places);
        if (places.length > 0 || before !== '') log.info({ addresses: places.map(textOf) }, 'answering for addresses');
      }
      await (isSomebodyBack ? neighbours.repeat() : neighbours.remind());
      if (looks % LOOKS === 0) await mend(neighbours, log);
      [before, lived, complaint] = [wanted, alive, ''];
    } catch (error) {
      // It is said once, however often it is tried.
      if (messageOf(error) !== complaint) log.warn({ reason: messageOf(error) }, 'cannot answer for an address');
      complaint = messageOf(error);
    } finally {
      isBusy = false;
    }
  };
}

/** Says what the kernel had forgotten. */
async function mend(neighbours: Neighbours, log: Logger): Promise<void> {
  const forgotten = await neighbours.mend();
  if (forgotten.length > 0) log.warn({ addresses: forgotten }, 'the kernel had forgotten addresses: answering again');
}

function textOf({ address, at }: Held): string {
  return at === undefined ? address : `${address} at ${at.interface}`;
}
