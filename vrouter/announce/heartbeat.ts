/**
 * Which nodes live, as nodes themselves see it: every node tells the others three times a second, and one that has been
 * silent for longer than a second is dead. Two nodes that both hold an address do no harm, since each can serve it; so no
 * lock is needed, and the API server not either.
 */
import { createSocket } from 'node:dgram';
import { messageOf } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';

const EVERY_MS = 300;
/** Four lost datagrams in a row: with the next look, and the announcement, an address moves within two seconds. */
const DEAD_AFTER_MS = 1200;
const GREETING = 'opencontrail-alive-1';

export interface Heartbeat {
  /** The nodes to tell and to hear of, by their underlay addresses; with none nothing is sent. */
  readonly watch: (peers: readonly string[]) => void;
  /** Those that have been heard of lately, or `undefined` until there was time to hear. */
  readonly alive: () => ReadonlySet<string> | undefined;
  /** Those that are silent although there was time to hear of them. */
  readonly dead: () => readonly string[];
  readonly close: () => void;
}

/** Sends from and listens at an address of this node's; calls `onLook` at each look at who lives. */
export function createHeartbeat(
  { own, port }: { readonly own: string; readonly port: number },
  { onLook, log }: { readonly onLook: () => void; readonly log: Logger },
): Heartbeat {
  const socket = createSocket(own.includes(':') ? 'udp6' : 'udp4');
  const heard = new Map<string, number>();
  /** Since when each is to be heard of. */
  const since = new Map<string, number>();
  const started = performance.now();
  let peers: readonly string[] = [];
  let judged = started;
  let living: ReadonlySet<string> = new Set();
  socket.on('error', (error) => log.warn({ port, reason: messageOf(error) }, 'cannot hear of other nodes'));
  socket.on('message', (message, { address }) => {
    // Only nodes have nodes' addresses on the underlay; others are not asked for.
    if (message.toString() === GREETING && peers.includes(address)) heard.set(address, performance.now());
  });
  socket.bind(port, own);
  const timer = setInterval(() => {
    for (const peer of peers) socket.send(GREETING, port, peer, () => undefined);
    const now = performance.now();
    // Who was asleep itself has letters waiting, and judges nobody before it has read them.
    const wasAsleep = now - judged > 2 * EVERY_MS;
    judged = now;
    if (wasAsleep) return;
    living = new Set(peers.filter((peer) => now - (heard.get(peer) ?? Number.NEGATIVE_INFINITY) < DEAD_AFTER_MS));
    onLook();
  }, EVERY_MS);
  return {
    watch(next) {
      peers = next;
      for (const peer of next) if (!since.has(peer)) since.set(peer, performance.now());
    },
    alive: () => (performance.now() - started < DEAD_AFTER_MS ? undefined : living),
    dead: () => peers.filter((peer) => !living.has(peer) && judged - (since.get(peer) ?? judged) > DEAD_AFTER_MS),
    close() {
      clearInterval(timer);
      socket.close();
    },
  };
}
