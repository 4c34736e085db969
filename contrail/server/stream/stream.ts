/** The change stream: sends each watcher what lies in its node's span, and what of it changes (NDJSON). */
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Registry } from 'prom-client';
import type { Logger } from '../../../runtime/log.ts';
import { gauge } from '../../../runtime/metrics.ts';
import type { Redis } from '../../../runtime/redis.ts';
import type { ServerDeps } from '../context.ts';
import { HttpError } from '../errors.ts';
import type { DatabaseState } from '../store/store.ts';
import type { CacheChange } from './cache.ts';
import { Follower } from './follower.ts';
import { Guidance } from './guidance.ts';
import { NetworkPairs } from './pairs.ts';
import { affectedByAll, type SpanEvent, SpanTracker } from './tracker.ts';
import { deleteLine, putLine, syncedLine, Watcher } from './watcher.ts';

export interface StreamDeps extends ServerDeps {
  readonly redis: Redis;
  readonly log: Logger;
  readonly registry: Registry;
}

export interface Stream {
  readonly start: () => void;
  /** Answers one watch request; the response stays open. Throws 410 where the revision cannot be resumed from. */
  readonly watch: (query: URLSearchParams, response: ServerResponse) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** One span with those who watch it. It is kept for a while after the last has gone, so that they can come back. */
interface Span {
  readonly tracker: SpanTracker;
  readonly watchers: Set<Watcher>;
  idleSince: number | undefined;
}

const HEARTBEAT_MS = 5_000;
const KEEP_IDLE_MS = 600_000;
/** How long a watcher waits for the first load. */
const LOADING_MS = 10_000;

/** A stream that follows nothing until it is started. */
export function createStream(deps: StreamDeps): Stream {
  return new ChangeStream(deps);
}

class ChangeStream implements Stream {
  readonly #abort = new AbortController();
  readonly #spans = new Map<string | undefined, Span>();
  readonly #follower;
  readonly #pairs;
  readonly #guidance;
  readonly #watchers;
  #told: DatabaseState['state'] | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  constructor(deps: StreamDeps) {
    this.#follower = new Follower({
      ...deps,
      onChanges: (changes, state) => this.#onChanges(changes, state),
      onReload: (state) => this.#onReload(state),
      onState: (state) => this.#onState(state),
    });
    this.#pairs = new NetworkPairs(this.#follower.cache);
    this.#guidance = new Guidance(this.#follower.cache, this.#pairs);
    this.#watchers = gauge(deps.registry, 'config_api_watchers', 'Open change streams', []);
  }

  readonly start = (): void => {
    this.#running = this.#follower.run(this.#abort.signal);
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS);
  };

  readonly close = async (): Promise<void> => {
    this.#abort.abort();
    clearInterval(this.#heartbeat);
    this.#endAll();
    await this.#running;
  };

  readonly watch = async (query: URLSearchParams, response: ServerResponse): Promise<void> => {
    const state = await this.#loaded();
    const node = query.get('node') ?? undefined;
    const span = this.#spanOf(node, state);
    const revision = query.get('revision');
    const events =
      revision === null
        ? allOf(span)
        : this.#resume(span, state, { revision: Number(revision), epoch: query.get('epoch') });
    response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
    const watcher = new Watcher(response);
    span.watchers.add(watcher);
    span.idleSince = undefined;
    this.#watchers.inc();
    response.once('close', () => {
      span.watchers.delete(watcher);
      this.#watchers.dec();
      if (span.watchers.size === 0) span.idleSince = Date.now();
    });
    await watcher.begin(
      events.map((event) => lineOf(event, state)),
      syncedLine(state),
    );
  };

  /** A server that has just started is asked before it has read everything. */
  async #loaded(): Promise<DatabaseState> {
    for (let waited = 0; waited < LOADING_MS && !this.#abort.signal.aborted; waited += 20) {
      if (this.#follower.state !== undefined) return this.#follower.state;
      await sleep(20);
    }
    throw new HttpError(503, 'Api server is Initializing:DB Resync in progress');
  }

  #spanOf(node: string | undefined, state: DatabaseState): Span {
    const known = this.#spans.get(node);
    if (known !== undefined) return known;
    const deps = { cache: this.#follower.cache, pairs: this.#pairs, guidance: this.#guidance };
    const span: Span = {
      tracker: new SpanTracker(node, deps, state.revision),
      watchers: new Set(),
      idleSince: Date.now(),
    };
    this.#spans.set(node, span);
    return span;
  }

  #resume(span: Span, state: DatabaseState, from: { revision: number; epoch: string | null }): SpanEvent[] {
    const isPast = from.epoch === state.epoch && from.revision <= state.revision;
    const events = isPast ? span.tracker.since(from.revision) : undefined;
    if (events === undefined) throw new HttpError(410, 'this revision cannot be resumed from: start over without one');
    return events;
  }

  #onChanges(changes: readonly CacheChange[], state: DatabaseState): void {
    this.#pairs.note(changes);
    this.#guidance.note(changes);
    const affected = affectedByAll(this.#follower.cache, changes);
    for (const { tracker, watchers } of this.#spans.values()) {
      const events = tracker.update(changes, affected, state.revision);
      if (watchers.size === 0 || events.length === 0) continue;
      const text = events.map((event) => lineOf(event, state)()).join('') + syncedLine(state);
      for (const watcher of watchers) watcher.send(text);
    }
    this.#told = state.state;
  }

  /** Spans are worked out anew when they are asked for; watchers come back with an epoch that is answered 410. */
  #onReload(state: DatabaseState): void {
    this.#endAll();
    this.#spans.clear();
    this.#pairs.reload();
    this.#guidance.reload();
    this.#told = state.state;
  }

  #onState(state: DatabaseState): void {
    if (this.#told === state.state) return;
    this.#told = state.state;
    this.#tellAll(state);
  }

  #beat(): void {
    const state = this.#follower.state;
    if (state !== undefined) this.#tellAll(state);
    for (const [node, { idleSince }] of this.#spans) {
      if (idleSince !== undefined && Date.now() - idleSince > KEEP_IDLE_MS) this.#spans.delete(node);
    }
  }

  #tellAll(state: DatabaseState): void {
    for (const { watchers } of this.#spans.values()) for (const watcher of watchers) watcher.send(syncedLine(state));
  }

  #endAll(): void {
    for (const { watchers } of this.#spans.values()) for (const watcher of watchers) watcher.end();
  }
}

function allOf(span: Span): SpanEvent[] {
  return span.tracker.all().map((object) => ({ kind: 'put', object }));
}

/** Made when it is sent: a whole span at once would hold the loop. */
function lineOf(event: SpanEvent, { revision }: DatabaseState): () => string {
  return event.kind === 'put' ? () => putLine(event.object) : () => deleteLine(event, revision);
}
