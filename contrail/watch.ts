/** Follows the embedded config API's change stream and keeps a node's share of the configuration. */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { createComplaint } from '../runtime/complaint.ts';
import { messageOf } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import { type ContrailClient, ContrailError } from './client.ts';
import type { ContrailObject } from './objects.ts';

/** A node's share of the configuration at a moment. The map is a live one: read it before the next change comes. */
export interface ConfigView {
  readonly objects: ReadonlyMap<string, ContrailObject>;
  readonly revision: number;
  /** Names the database; a new one means that the old was lost and is being rebuilt. */
  readonly epoch: string;
  /** UUIDs put or deleted since the view before. */
  readonly changed: ReadonlySet<string>;
}

export interface WatchConfigOptions {
  readonly client: Pick<ContrailClient, 'open'>;
  /** The node whose span to follow; absent: everything. */
  readonly node?: string;
  /** Called after the first complete set and after every change, never twice at once for one burst. */
  readonly onChange: (view: ConfigView) => void;
  /** Called with a revision that has changed nothing in the view; there is a view by then, and nothing of it is yet to be told. */
  readonly onRevision?: (position: Pick<ConfigView, 'revision' | 'epoch'>) => void;
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Changes within this time are told together; milliseconds, default 10. */
  readonly debounceMs?: number;
  /** Told when the stream is lost and found again. */
  readonly onConnected?: (isConnected: boolean) => void;
}

const Line = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('put'),
    object: z.looseObject({ type: z.string(), uuid: z.string(), fq_name: z.array(z.string()) }),
  }),
  z.object({ kind: z.literal('delete'), uuid: z.string() }),
  z.object({
    kind: z.literal('synced'),
    revision: z.number(),
    epoch: z.string(),
    state: z.enum(['rebuilding', 'ready']),
  }),
]);
type Line = z.infer<typeof Line>;

/** The server tells every 5 s that it is there; three times that means it is not. */
const SILENCE_MS = 15_000;
const MAX_DELAY_MS = 5_000;

/**
 * Runs until the signal aborts. A lost stream is taken up again from its revision. While a new database is being rebuilt,
 * what the old one held is kept beside what comes; when it is whole, what did not come again is dropped. A first view is
 * given only of a whole database, so nobody mistakes a rebuild's beginning for the world.
 */
export async function watchConfig(options: WatchConfigOptions): Promise<void> {
  const replica = new Replica(options);
  const complaint = createComplaint((reason) => options.log.warn({ reason }, 'change stream lost'));
  for (let failures = 0; !options.signal.aborted; failures += 1) {
    try {
      await replica.follow(() => {
        failures = 0;
        complaint.over();
      });
    } catch (error) {
      if (error instanceof ContrailError && error.status === 410) {
        replica.startOver();
        failures = 0;
        continue;
      }
      if (!options.signal.aborted) complaint.say(messageOf(error));
    }
    options.onConnected?.(false);
    const delay = Math.min(50 * 2 ** Math.min(failures, 7), MAX_DELAY_MS) * (0.5 + Math.random());
    await sleep(delay, undefined, { signal: options.signal }).catch(() => undefined);
  }
  replica.stop();
}

/** The objects, where they stand in the stream, and what must still be told. */
class Replica {
  readonly #options: WatchConfigOptions;
  readonly #objects = new Map<string, ContrailObject>();
  #changed = new Set<string>();
  #position: { revision: number; epoch: string } | undefined;
  /**
   * The set that is arriving, since it was asked for anew; `undefined` when the map is known to be exact. It takes the
   * map's place only when a ready database says that it is whole: an object that is being rebuilt comes without the
   * references it will have, and whoever forwarded by it would cut off running pods.
   */
  #arriving: Map<string, ContrailObject> | undefined = new Map();
  #hasView = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: WatchConfigOptions) {
    this.#options = options;
  }

  /** The next request asks for the whole set. */
  startOver(): void {
    this.#position = undefined;
    this.#arriving = new Map();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** Follows one stream until it ends; throws when it breaks. */
  async follow(onOpen: () => void): Promise<void> {
    const { client, signal } = this.#options;
    const silence = new AbortController();
    const stop = AbortSignal.any([signal, silence.signal]);
    let timer = setTimeout(() => silence.abort(), SILENCE_MS);
    try {
      // A set that was cut off is asked for again from the start.
      if (this.#position === undefined) this.startOver();
      const response = await client.open(this.#path(), stop);
      for await (const line of linesOf(response)) {
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), SILENCE_MS);
        this.#take(Line.parse(JSON.parse(line)));
        onOpen();
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #path(): string {
    const { node } = this.#options;
    const query = new URLSearchParams(node === undefined ? {} : { node });
    if (this.#position !== undefined) {
      query.set('revision', String(this.#position.revision));
      query.set('epoch', this.#position.epoch);
    }
    return `/embedded/watch?${query.toString()}`;
  }

  #take(line: Line): void {
    switch (line.kind) {
      case 'put':
        (this.#arriving ?? this.#objects).set(line.object.uuid, line.object);
        if (this.#arriving === undefined) this.#changed.add(line.object.uuid);
        break;
      case 'delete':
        if ((this.#arriving ?? this.#objects).delete(line.uuid) && this.#arriving === undefined)
          this.#changed.add(line.uuid);
        break;
      case 'synced':
        this.#synced(line);
        break;
    }
  }

  #synced({ revision, epoch, state }: Extract<Line, { kind: 'synced' }>): void {
    const isNew = this.#position?.epoch !== epoch;
    this.#position = { revision, epoch };
    if (isNew) this.#options.onConnected?.(true);
    if (state === 'ready') this.#takeOver();
    if (this.#arriving !== undefined) return;
    if (!this.#hasView || isNew || this.#changed.size > 0) this.#tell();
    else this.#pass({ revision, epoch });
    this.#hasView = true;
  }

  /** The set is whole: it is what there is. */
  #takeOver(): void {
    const arriving = this.#arriving;
    if (arriving === undefined) return;
    for (const uuid of this.#objects.keys()) {
      if (arriving.has(uuid)) continue;
      this.#objects.delete(uuid);
      this.#changed.add(uuid);
    }
    for (const [uuid, object] of arriving) {
      this.#objects.set(uuid, object);
      this.#changed.add(uuid);
    }
    this.#arriving = undefined;
  }

  /** What is still to be told has the revision with it. */
  #pass(position: { readonly revision: number; readonly epoch: string }): void {
    if (this.#timer === undefined) this.#options.onRevision?.(position);
  }

  #tell(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const changed = this.#changed;
      this.#changed = new Set();
      const { revision, epoch } = this.#position ?? { revision: 0, epoch: '' };
      this.#options.onChange({ objects: this.#objects, revision, epoch, changed });
    }, this.#options.debounceMs ?? 10);
  }
}

/** The lines of a response, without their ends; what breaks the response breaks the loop over it. */
async function* linesOf(response: AsyncIterable<unknown>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of response) {
    // A response without an encoding yields buffers.
    const parts = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split('\n');
    rest = parts.pop() ?? '';
    yield* parts;
  }
}
