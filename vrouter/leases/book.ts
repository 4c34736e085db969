/** The Leases of routers' addresses as this node knows them: by a watch, by what it has asked, and by what it has written. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createReflector } from '../../kubernetes/cache.ts';
import type { KubeClient } from '../../kubernetes/client.ts';
import { hasStatus } from '../../kubernetes/errors.ts';
import { messageOf } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import { createLeases, LABEL_SELECTOR, leasesPath, type Leases, type RouterLease, routerLease } from './leases.ts';
import type { Step } from './tenure.ts';

export interface LeaseBook {
  /** Whether the API server has told of all. */
  readonly isRead: () => boolean;
  readonly whenRead: () => Promise<void>;
  readonly list: () => readonly RouterLease[];
  readonly get: (address: string) => RouterLease | undefined;
  /** Since when the Lease is as it is, in milliseconds. */
  readonly standing: (address: string) => number;
  /** Whether a challenge of this node's was refuted in the last five seconds. */
  readonly isRefuted: (address: string) => boolean;
  /** Asks for all of them now; answers whether it was answered. */
  readonly ask: () => Promise<boolean>;
  /** Writes in the background, one thing at a time for an address; what fails is logged, and for the caller to want again. */
  readonly write: (address: string, step: Step) => void;
  /** Takes an address's Lease away. */
  readonly remove: (address: string) => void;
}

export interface BookDeps {
  readonly client: KubeClient;
  readonly namespace: string;
  /** This node's name. */
  readonly node: string;
  /** Called whenever a Lease is another than before. */
  readonly onChange: () => void;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

const REFUTED_MS = 5000;
const ASK_TIMEOUT_MS = 300;
/** After a write that failed. */
const PAUSE_MS = 300;

/** Watches until `signal` is aborted. */
export function createLeaseBook({ client, namespace, node, onChange, signal, log }: BookDeps): LeaseBook {
  const leases = createLeases(client, namespace);
  const known = createKnown(node, onChange);
  const reflector = createReflector({
    client,
    path: leasesPath(namespace),
    query: { labelSelector: LABEL_SELECTOR },
    project: routerLease,
    onChange: ({ kind, object }) => (kind === 'put' ? known.take(object) : known.forget(object)),
    signal,
    log,
  });
  return {
    isRead: () => reflector.synced,
    whenRead: reflector.whenSynced,
    list: known.list,
    get: known.get,
    standing: known.standing,
    isRefuted: known.isRefuted,
    async ask() {
      try {
        for (const lease of await leases.read({ signal: AbortSignal.timeout(ASK_TIMEOUT_MS) })) known.take(lease);
        return true;
      } catch {
        return false;
      }
    },
    ...createWriter({ leases, known, node, log }),
  };
}

type Known = ReturnType<typeof createKnown>;

/** The watch, questions and writes tell of one Lease in any order: its versions count. */
function createKnown(node: string, onChange: () => void) {
  const entries = new Map<string, { readonly lease: RouterLease; readonly since: number }>();
  const refuted = new Map<string, number>();
  return {
    list: () => [...entries.values()].map(({ lease }) => lease),
    get: (address: string) => entries.get(address)?.lease,
    standing: (address: string) => performance.now() - (entries.get(address)?.since ?? performance.now()),
    isRefuted: (address: string) => performance.now() - (refuted.get(address) ?? Number.NEGATIVE_INFINITY) < REFUTED_MS,
    take(lease: RouterLease): void {
      const before = entries.get(lease.address)?.lease;
      if (before !== undefined && BigInt(before.version) >= BigInt(lease.version)) return;
      const isOver = before?.challenger === node && lease.challenger === undefined;
      if (isOver && lease.holder !== node) refuted.set(lease.address, performance.now());
      entries.set(lease.address, { lease, since: performance.now() });
      onChange();
    },
    forget({ address, uid }: RouterLease): void {
      if (entries.get(address)?.lease.uid !== uid) return;
      entries.delete(address);
      onChange();
    },
  };
}

interface WriterDeps extends Pick<BookDeps, 'node' | 'log'> {
  readonly leases: Leases;
  readonly known: Known;
}

function createWriter({ leases, known, node, log }: WriterDeps): Pick<LeaseBook, 'write' | 'remove'> {
  const busy = new Set<string>();
  const alone = async (address: string, action: (lease: RouterLease | undefined) => Promise<void>): Promise<void> => {
    if (busy.has(address)) return;
    busy.add(address);
    await action(known.get(address)).catch(async (error: unknown) => {
      // Somebody else was first: the watch tells what is so now.
      if (!hasStatus(error, 409)) log.warn({ address, reason: messageOf(error) }, 'cannot write a router’s Lease');
      await sleep(PAUSE_MS, undefined, { ref: false });
    });
    busy.delete(address);
  };
  const written = async (address: string, step: Step, lease: RouterLease | undefined) => {
    if (lease === undefined) return step.kind === 'give' ? await leases.create(address, step.to) : undefined;
    if (step.kind === 'give') return await leases.give(lease, step.to);
    return await (step.kind === 'challenge' ? leases.challenge(lease, node) : leases.refute(lease));
  };
  return {
    write: (address, step) =>
      void alone(address, async (before) => {
        const lease = await written(address, step, before);
        if (lease === undefined) return;
        log.info({ address, step: step.kind, holder: lease.holder }, 'wrote a router’s Lease');
        known.take(lease);
      }),
    remove: (address) =>
      void alone(address, async (lease) => {
        if (lease === undefined) return;
        await leases.remove(lease);
        known.forget(lease);
      }),
  };
}
