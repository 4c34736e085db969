/** What every request handler is given. */
import type { Database } from './database.ts';
import type { Schema } from '../schema.ts';
import type { Href } from './objects/wire.ts';
import type { Store } from './store/store.ts';
import type { TransactDeps } from './store/transact.ts';

/** The parts of the server that outlive a request. */
export interface ServerDeps extends TransactDeps {
  readonly store: Store;
  readonly schema: Schema;
  readonly database: Database;
}

/** One request, parsed. */
export interface ApiRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** The JSON body; `undefined` where there is none. */
  readonly body: unknown;
  readonly href: Href;
  /** Scheme and host as the client sees them. */
  readonly base: string;
  readonly ifNoneMatch: string | undefined;
}

/** An answer. A body that is `undefined` is sent empty. */
export interface ApiAnswer {
  readonly status: number;
  readonly body?: unknown;
  readonly etag?: string;
}

/** 200 with this body. */
export function ok(body?: unknown): ApiAnswer {
  return body === undefined ? { status: 200 } : { status: 200, body };
}

/** Answers one route; `params` are the parts of the path that the route leaves open. */
export type Handler = (request: ApiRequest, deps: ServerDeps, params: readonly string[]) => Promise<ApiAnswer>;
