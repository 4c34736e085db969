/**
 * Which nodes live, as nodes themselves see it: every node tells the others three times a second, and one that has been
 * silent for longer than a second is dead, unless it has said that its program is restarted, and its kernel answers. Two nodes that both
 * hold an address of a load balancer's do no harm, since each can serve it; so no lock is needed for these, and the API server not either.
 */
import { createSocket, type Socket } from 'node:dgram';
import { messageOf } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import { createHearing, FAREWELL, GREETING } from './hearing.ts';

const EVERY_MS = 300;
/** Four lost datagrams in a row: with the next look, and the announcement, an address moves within two seconds. */
const DEAD_AFTER_MS = 1200;
/** A datagram may be lost. */
const FAREWELLS = 3;

export interface Heartbeat {
  /** The nodes to tell and to hear of, by their underlay addresses; with none nothing is sent. */
  readonly watch: (peers: readonly string[]) => void;
  /** Tells them something besides, at once and with every heartbeat, until there is something else to tell. */
  readonly say: (datagrams: readonly string[]) => void;
  /** Those that have been heard of lately, or `undefined` until there was time to hear. */
  readonly alive: () => ReadonlySet<string> | undefined;
  /** Those that are silent although there was time to hear of them. */
  readonly dead: () => readonly string[];
  /** Since when a node is silent, in milliseconds; at most since this node has begun to hear, or was asleep itself. */
  readonly silence: (node: string) => number;
  /** Since when a node is heard of without a longer pause, in milliseconds; 0 for one that never was, and for one that is restarted. */
  readonly presence: (node: string) => number;
  /** Tells them that this node's program ends, while its kernel goes on; resolves when it is said. */
  readonly leave: () => Promise<void>;
  readonly close: () => void;
}

interface HeartbeatDeps {
  /** Called at each look at who lives. */
  readonly onLook: () => void;
  /** Called with whatever a node says besides that it lives. */
  readonly onHear: (node: string, text: string) => void;
  readonly log: Logger;
}

/** Sends from and listens at an address of this node's. */
export function createHeartbeat(
  { own, port }: { readonly own: string; readonly port: number },
  { onLook, onHear, log }: HeartbeatDeps,
): Heartbeat {
  const started = performance.now();
  const hearing = createHearing({ own, port, started, everyMs: EVERY_MS });
  let peers: readonly string[] = [];
  let judged = started;
  let living: ReadonlySet<string> = new Set();
  const socket = openSocket({ own, port }, log, (text, address) => {
    // Only nodes have nodes' addresses on the underlay; others are not asked for.
    if (peers.includes(address) && !hearing.take(address, text)) onHear(address, text);
  });
  let said: readonly string[] = [];
  const send = async (datagrams: readonly string[]): Promise<void> => await sendAll(socket, datagrams, { peers, port });
  const timer = setInterval(() => {
    void send([GREETING, ...said]);
    hearing.askRestarted();
    const now = performance.now();
    // Who was asleep itself has letters waiting, and judges nobody before it has read them.
    const wasAsleep = now - judged > 2 * EVERY_MS;
    judged = now;
    if (wasAsleep) return hearing.wake();
    living = new Set(peers.filter((peer) => now - hearing.last(peer) < DEAD_AFTER_MS));
    onLook();
  }, EVERY_MS);
  return {
    watch(next) {
      peers = next;
      hearing.expect(next);
    },
    say(datagrams) {
      said = datagrams;
      void send(said);
    },
    alive: () => (performance.now() - started < DEAD_AFTER_MS ? undefined : living),
    dead: () => peers.filter((peer) => !living.has(peer) && judged - hearing.since(peer, judged) > DEAD_AFTER_MS),
    silence: hearing.silence,
    presence: hearing.presence,
    async leave() {
      clearInterval(timer);
      await send(Array<string>(FAREWELLS).fill(FAREWELL));
    },
    close() {
      clearInterval(timer);
      socket.close();
    },
  };
}

function openSocket(
  { own, port }: { readonly own: string; readonly port: number },
  log: Logger,
  onText: (text: string, from: string) => void,
): Socket {
  const socket = createSocket(own.includes(':') ? 'udp6' : 'udp4');
  socket.on('error', (error) => log.warn({ port, reason: messageOf(error) }, 'cannot hear of other nodes'));
  socket.on('message', (message, { address }) => onText(message.toString(), address));
  socket.bind(port, own);
  return socket;
}

/** Resolves when all of it is on its way, or is lost. */
async function sendAll(
  socket: Socket,
  datagrams: readonly string[],
  { peers, port }: { readonly peers: readonly string[]; readonly port: number },
): Promise<void> {
  const sent = peers.flatMap((peer) =>
    datagrams.map((each) => new Promise<void>((resolve) => socket.send(each, port, peer, () => resolve()))),
  );
  await Promise.all(sent);
}
