/** The change stream: follows the log, and sends each watcher what lies in its node's span. */
import type { ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';
import type { Logger } from '../../../runtime/log.ts';
import type { Redis } from '../../../runtime/redis.ts';
import type { ServerDeps } from '../context.ts';
import { HttpError } from '../errors.ts';

export interface StreamDeps extends ServerDeps {
  readonly redis: Redis;
  readonly log: Logger;
  readonly registry: Registry;
}

export interface Stream {
  readonly start: () => void;
  readonly watch: (query: URLSearchParams, response: ServerResponse) => Promise<void>;
  readonly close: () => Promise<void>;
}

export function createStream(_deps: StreamDeps): Stream {
  return {
    start: () => undefined,
    watch: async () => {
      throw new HttpError(501, 'soon');
    },
    close: async () => undefined,
  };
}
