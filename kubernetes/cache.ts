/**
 * A reflector: a copy of one list of the API server that survives every failure of its watch.
 *
 *   list (pages, projected) ──► watch from the list's version ──► watch again from the last version seen …
 *        ▲                             │ 410: the version is too old
 *        └─────────────────────────────┘ any other failure: a jittered pause, then watch again
 *
 * client-node's own informer stops for good when a watch answers 500 or 429 or is reset; this one never does.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { createComplaint } from '../runtime/complaint.ts';
import { messageOf } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { CacheMetrics } from './cache-metrics.ts';
import type { KubeClient, KubeObject, WatchEvent } from './client.ts';
import { hasStatus } from './errors.ts';
import { keyOf } from './objects.ts';
import type { Query } from './transport.ts';

/** What became of an object. A `put` carries what the cache held before, where it held the same object (UID). */
export type Change<T> =
  | { readonly kind: 'put'; readonly object: T; readonly previous?: T }
  | { readonly kind: 'delete'; readonly object: T };

export interface ReflectorOptions<T> {
  readonly client: KubeClient;
  /** The list's path, `/api/v1/pods`. */
  readonly path: string;
  /** Selectors: `{ fieldSelector: 'spec.nodeName=n1' }`. */
  readonly query?: Query;
  /** What is kept of an object; `undefined` means it does not concern us, as if it were absent. */
  readonly project: (raw: KubeObject) => T | undefined;
  /** Called in order for every change of a projection, also during the first list; an exception of it is logged. */
  readonly onChange?: (change: Change<T>) => void;
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly metrics?: CacheMetrics;
  /** Whether the API may not know the resource (its definition is not installed): that is an empty list, asked for again. */
  readonly mayBeUnknown?: boolean;
  /** How long one watch lasts before it is renewed, in seconds; the default is five to ten minutes, at random. */
  readonly watchSeconds?: number;
}

export interface Reflector<T> {
  /** By `namespace/name`, or `name` for what has no namespace. */
  readonly get: (key: string) => T | undefined;
  readonly list: () => readonly T[];
  /** Whether the first list is complete. It stays true when a watch breaks: see `stalenessMs`. */
  readonly synced: boolean;
  readonly whenSynced: () => Promise<void>;
  /**
   * How long the cache has been without an open watch, in milliseconds: 0 while one is open, infinite before the
   * first. A dead peer counts as open until TCP's keep-alive gives up, 25 s.
   */
  readonly stalenessMs: () => number;
}

interface Entry<T> {
  readonly uid: string;
  readonly version: string;
  readonly object: T;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
/** An unknown resource is asked for at the longest pause, and counts as watched meanwhile. */
const UNKNOWN_RESOURCE_PAUSES = 10;
/** A watch that lasted this long was no failure of the server's, so the next starts at once. */
const HEALTHY_MS = 5_000;

/** Starts a reflector; it runs until `signal` is aborted. */
export function createReflector<T>(options: ReflectorOptions<T>): Reflector<T> {
  const reflector = new RunningReflector(options);
  void reflector.run();
  return reflector;
}

class RunningReflector<T> implements Reflector<T> {
  synced = false;
  private readonly options: ReflectorOptions<T>;
  private readonly log: Logger;
  private readonly entries = new Map<string, Entry<T>>();
  private readonly complaint = createComplaint((reason) =>
    this.log.warn({ reason }, 'the watch broke and starts anew'),
  );
  private readonly firstList = Promise.withResolvers<void>();
  private lastOpen = Number.NEGATIVE_INFINITY;
  private open = false;
  private version: string | undefined;

  constructor(options: ReflectorOptions<T>) {
    this.options = options;
    this.log = options.log.child({ list: options.path });
    options.metrics?.observe(options.path, { objects: () => this.entries.size, stalenessMs: () => this.stalenessMs() });
  }

  get = (key: string): T | undefined => this.entries.get(key)?.object;
  list = (): readonly T[] => [...this.entries.values()].map(({ object }) => object);
  whenSynced = async (): Promise<void> => await this.firstList.promise;
  stalenessMs = (): number => (this.open ? 0 : performance.now() - this.lastOpen);

  async run(): Promise<void> {
    let failures = 0;
    while (!this.options.signal.aborted) {
      const started = performance.now();
      await this.step();
      failures = performance.now() - started > HEALTHY_MS ? 0 : failures + 1;
      if (failures > 0) await pause(failures, this.options.signal);
    }
  }

  /** One list (where there is no version to watch from) and one watch; never throws. */
  private async step(): Promise<void> {
    try {
      this.version ??= await this.readList();
      await this.watch(this.version);
    } catch (error) {
      if (this.options.signal.aborted) return;
      if (hasStatus(error, 404) && this.options.mayBeUnknown === true) return await this.waitForResource();
      this.startAnew(error);
    } finally {
      if (this.open) this.lastOpen = performance.now();
      this.open = false;
    }
  }

  /** A version that the server has forgotten is no failure: it forgets them when it is started, and after some minutes. */
  private startAnew(error: unknown): void {
    const isExpired = hasStatus(error, 410);
    this.options.metrics?.restarted(this.options.path, isExpired ? 'expired' : 'failed');
    if (!isExpired) return this.complaint.say(messageOf(error));
    this.version = undefined;
    this.log.debug({ reason: messageOf(error) }, 'the list is read anew');
  }

  /** A resource that the API does not know has no objects. */
  private async waitForResource(): Promise<void> {
    this.version = undefined;
    for (const [key, { object }] of this.entries) this.drop(key, object);
    this.synced = true;
    this.firstList.resolve();
    this.open = true;
    await pause(UNKNOWN_RESOURCE_PAUSES, this.options.signal);
  }

  private async readList(): Promise<string> {
    const { client, path, query, signal } = this.options;
    const seen = new Set<string>();
    let version = '';
    for await (const page of client.pages(path, query, { signal })) {
      for (const raw of page.items) seen.add(this.put(raw));
      version = page.resourceVersion;
    }
    for (const [key, { object }] of this.entries) if (!seen.has(key)) this.drop(key, object);
    this.synced = true;
    this.firstList.resolve();
    this.log.debug({ objects: this.entries.size, version }, 'listed');
    return version;
  }

  private async watch(resourceVersion: string): Promise<void> {
    const { client, path, query, signal, watchSeconds } = this.options;
    const timeoutSeconds = watchSeconds ?? Math.round(300 * (1 + Math.random()));
    const handlers = {
      onOpen: () => {
        this.open = true;
        this.complaint.over();
      },
      onEvent: (event: WatchEvent) => this.take(event),
    };
    // The server ends the watch in time; a proxy that swallowed that end must not hold us for ever.
    const limit = AbortSignal.any([signal, AbortSignal.timeout((timeoutSeconds + 30) * 1000)]);
    await client.watch(path, { ...query, resourceVersion, timeoutSeconds }, handlers, limit);
  }

  private take(event: WatchEvent): void {
    switch (event.type) {
      case 'ADDED':
      case 'MODIFIED':
        this.put(event.object);
        break;
      case 'DELETED': {
        const key = keyOf(event.object.metadata);
        const entry = this.entries.get(key);
        if (entry !== undefined) this.drop(key, entry.object);
        break;
      }
      case 'BOOKMARK':
        break;
    }
    this.version = event.object.metadata.resourceVersion;
  }

  /** Takes an object in and returns its key. Another UID under the same key means that the old object went unseen. */
  private put(raw: KubeObject): string {
    const { uid, resourceVersion } = raw.metadata;
    const key = keyOf(raw.metadata);
    const before = this.entries.get(key);
    if (before?.uid === uid && before.version === resourceVersion) return key;
    const object = this.options.project(raw);
    if (before !== undefined && (before.uid !== uid || object === undefined)) this.drop(key, before.object);
    if (object !== undefined) this.hold(key, { uid, version: resourceVersion, object });
    return key;
  }

  private hold(key: string, entry: Entry<T>): void {
    const previous = this.entries.get(key)?.object;
    const unchanged = previous !== undefined && isDeepStrictEqual(previous, entry.object);
    this.entries.set(key, unchanged ? { ...entry, object: previous } : entry);
    if (!unchanged) this.tell({ kind: 'put', object: entry.object, ...(previous === undefined ? {} : { previous }) });
  }

  private drop(key: string, object: T): void {
    this.entries.delete(key);
    this.tell({ kind: 'delete', object });
  }

  private tell(change: Change<T>): void {
    try {
      this.options.onChange?.(change);
    } catch (error) {
      this.log.error({ error }, 'a change was not handled');
    }
  }
}

async function pause(failures: number, signal: AbortSignal): Promise<void> {
  const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures, 10));
  try {
    await sleep(longest * (0.5 + Math.random() / 2), undefined, { signal });
  } catch {
    // Aborted: the loop that called sees it.
  }
}
