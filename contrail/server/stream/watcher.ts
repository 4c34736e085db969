/** One open response of the change stream: sends in order, and no faster than the other side reads. */
import type { ServerResponse } from 'node:http';
import { plainObject } from '../objects/wire.ts';
import type { StoredObject } from '../store/objects.ts';
import type { DatabaseState } from '../store/store.ts';

/** Bytes that may wait for a slow watcher before it is cut off; it comes back for the difference. */
const MAX_BACKLOG = 64 << 20;
/** Lines made in one go; then others have their turn. */
const SLICE = 500;

/** Lines by object: all watchers are sent the same. */
const known = new WeakMap<StoredObject, string>();

/** The line that puts an object. */
export function putLine(object: StoredObject): string {
  const line =
    known.get(object) ??
    `${JSON.stringify({ kind: 'put', object: plainObject(object), revision: Number(object.rev) })}\n`;
  known.set(object, line);
  return line;
}

export function deleteLine({ uuid, type }: { readonly uuid: string; readonly type: string }, revision: number): string {
  return `${JSON.stringify({ kind: 'delete', type, uuid, revision })}\n`;
}

export function syncedLine({ revision, epoch, state }: DatabaseState): string {
  return `${JSON.stringify({ kind: 'synced', revision, epoch, state })}\n`;
}

/** Between `begin` and its end, what is sent waits in a queue, so that the first set stays whole. */
export class Watcher {
  readonly #response: ServerResponse;
  #queue: string[] | undefined = [];
  #queued = 0;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  /** Sends the first set in slices, then whatever has come meanwhile. */
  async begin(lines: readonly (() => string)[], end: string): Promise<void> {
    for (let start = 0; start < lines.length && !this.#response.destroyed; start += SLICE) {
      const text = lines
        .slice(start, start + SLICE)
        .map((line) => line())
        .join('');
      if (!this.#response.write(text)) await drained(this.#response);
      await new Promise(setImmediate);
    }
    const waiting = this.#queue ?? [];
    this.#queue = undefined;
    this.#queued = 0;
    this.send([end, ...waiting].join(''));
  }

  send(text: string): void {
    if (this.#queue !== undefined) {
      this.#queue.push(text);
      this.#queued += text.length;
    } else this.#response.write(text);
    if (this.#response.writableLength + this.#queued > MAX_BACKLOG) this.#response.destroy();
  }

  end(): void {
    this.#response.end();
  }
}

/** Resolves when the response takes more, or is gone. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
  });
}
