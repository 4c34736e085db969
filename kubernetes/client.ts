/** A thin JSON client of the API server: paths in, objects out. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Credentials, kubeconfigCredentials, serviceAccountCredentials } from './credentials.ts';
import { hasStatus, KubeError } from './errors.ts';
import { type Exchange, exchangeJson, type Query, readLines, send } from './transport.ts';

/** The metadata that programs of ours read. */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid: string;
  readonly resourceVersion: string;
  /** Counts the changes of what users ask for; absent where a kind does not count. */
  readonly generation?: number;
  readonly generateName?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly ownerReferences?: readonly { readonly kind: string; readonly name: string; readonly uid: string }[];
}

/** Any object of the API as JSON; what lies beside the metadata is for the caller to parse. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
}

/** A page of a list. `resourceVersion` is the list's, the same for all of its pages. */
export interface ListPage {
  readonly items: readonly KubeObject[];
  readonly resourceVersion: string;
}

/** One event of a watch. A `BOOKMARK` carries only the object's `metadata.resourceVersion`. */
export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: KubeObject;
}

/** What a watch tells: `onOpen` once the server has accepted it, then every event. */
export interface WatchHandlers {
  readonly onEvent: (event: WatchEvent) => void;
  readonly onOpen?: () => void;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
  readonly query?: Query;
}

export type PatchType =
  | 'application/merge-patch+json'
  | 'application/json-patch+json'
  | 'application/strategic-merge-patch+json'
  | 'application/apply-patch+yaml';

/**
 * Speaks to one API server. Every method throws a `KubeError` for a refusal; 429 is retried after the time the server
 * names (five times), and what a connection closed under us is sent once more.
 */
export interface KubeClient {
  /** The object at `path`, or `undefined` when there is none (404). */
  readonly get: (path: string, options?: CallOptions) => Promise<KubeObject | undefined>;
  /** A whole list, read in pages of 500. */
  readonly list: (path: string, query?: Query, options?: CallOptions) => Promise<ListPage>;
  /** A list page by page, for callers that project each page and keep none. Throws 410 when it took too long. */
  readonly pages: (path: string, query?: Query, options?: CallOptions) => AsyncGenerator<ListPage>;
  /**
   * Watches `path` (from `query.resourceVersion`) until the server ends the stream, which is normal. Throws a
   * `KubeError` for a refusal or an `ERROR` event (410: start over with a list), and any error of the connection.
   */
  readonly watch: (path: string, query: Query, handlers: WatchHandlers, signal: AbortSignal) => Promise<void>;
  readonly post: (path: string, body: unknown, options?: CallOptions) => Promise<KubeObject>;
  readonly put: (path: string, body: unknown, options?: CallOptions) => Promise<KubeObject>;
  /** Patches; the default type is a merge patch. */
  readonly patch: (path: string, body: unknown, contentType?: PatchType, options?: CallOptions) => Promise<KubeObject>;
  /** Deletes; fine when there is nothing (404). `preconditions.uid` guards against a successor of the same name. */
  readonly delete: (path: string, options?: CallOptions & { readonly uid?: string }) => Promise<void>;
}

/**
 * A client for the cluster: by `kubeconfig` (a file) where given, else by the mounted service account at `apiServer`.
 * Nothing is read before the first call.
 */
export function createKubeClient(where: {
  readonly kubeconfig?: string | undefined;
  readonly apiServer?: string | undefined;
  readonly tokenFile?: string;
  readonly caFile?: string;
}): KubeClient {
  if (where.kubeconfig !== undefined && where.kubeconfig !== '')
    return clientWith(kubeconfigCredentials(where.kubeconfig));
  if (where.apiServer === undefined || where.apiServer === '') {
    throw new Error(
      'no API server: give --kubeconfig <file>, or --kubernetes-api <https://host:port> in a pod with a service account',
    );
  }
  return clientWith(serviceAccountCredentials(where.apiServer, where));
}

/** A client with these credentials. */
export function clientWith(credentials: Credentials): KubeClient {
  const call = async (exchange: Exchange): Promise<unknown> => await retried(() => exchangeJson(exchange, credentials));
  // The API server answers each of these with an object; its parts are parsed where they are used.
  const callObject = async (exchange: Exchange): Promise<KubeObject> => (await call(exchange)) as KubeObject;
  const pages: KubeClient['pages'] = (path, query, options) => readPages({ path, query, options }, call);
  return {
    pages,
    get: async (path, options) => await absentWhenMissing(callObject({ method: 'GET', path, ...options })),
    list: async (path, query, options) => {
      const items: KubeObject[] = [];
      let resourceVersion = '';
      for await (const page of pages(path, query, options)) {
        items.push(...page.items);
        ({ resourceVersion } = page);
      }
      return { items, resourceVersion };
    },
    watch: async (path, query, handlers, signal) => {
      const response = await send(
        { method: 'GET', path, query: { ...query, watch: true, allowWatchBookmarks: true }, signal },
        credentials,
      );
      handlers.onOpen?.();
      for await (const line of readLines(response)) handlers.onEvent(watchEvent(line));
    },
    post: async (path, body, options) => await callObject({ method: 'POST', path, body, ...options }),
    put: async (path, body, options) => await callObject({ method: 'PUT', path, body, ...options }),
    patch: async (path, body, contentType = 'application/merge-patch+json', options = {}) =>
      await callObject({ method: 'PATCH', path, body, contentType, ...options }),
    delete: async (path, { uid, ...options } = {}) => {
      const body =
        uid === undefined ? {} : { body: { kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { uid } } };
      await absentWhenMissing(callObject({ method: 'DELETE', path, ...body, ...options }));
    },
  };
}

interface RawList {
  readonly items?: readonly KubeObject[] | null;
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
}

async function* readPages(
  list: { readonly path: string; readonly query: Query | undefined; readonly options: CallOptions | undefined },
  call: (exchange: Exchange) => Promise<unknown>,
): AsyncGenerator<ListPage> {
  let next: string | undefined;
  do {
    const query: Query = { limit: 500, ...list.query, continue: next };
    // A list answer has this shape for every kind (API conventions, "Lists").
    const page = (await call({ method: 'GET', path: list.path, ...list.options, query })) as RawList;
    yield { items: page.items ?? [], resourceVersion: page.metadata.resourceVersion };
    next = page.metadata.continue === '' ? undefined : page.metadata.continue;
  } while (next !== undefined);
}

function watchEvent(line: string): WatchEvent {
  // The stream's lines are WatchEvents, of which ERROR alone carries a Status in the object's place.
  const event = JSON.parse(line) as
    | WatchEvent
    | { readonly type: 'ERROR'; readonly object: { code?: number; message?: string; reason?: string } };
  if (event.type !== 'ERROR') return event;
  throw new KubeError(event.object.code ?? 500, event.object.message ?? 'the watch failed', {
    reason: event.object.reason ?? '',
  });
}

async function absentWhenMissing(answer: Promise<KubeObject>): Promise<KubeObject | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (hasStatus(error, 404)) return undefined;
    throw error;
  }
}

const TOO_MANY_REQUESTS_TRIES = 5;

async function retried(attempt: () => Promise<unknown>): Promise<unknown> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      const delayMs = retryDelayMs(error, tries);
      if (delayMs === undefined) throw error;
      await sleep(delayMs);
    }
  }
}

function retryDelayMs(error: unknown, tries: number): number | undefined {
  if (hasStatus(error, 429)) {
    const asked = error instanceof KubeError ? error.retryAfterSeconds : undefined;
    return tries < TOO_MANY_REQUESTS_TRIES ? (asked ?? 1) * 1000 : undefined;
  }
  // A kept connection that the server closed as we wrote: nothing was answered, and every write of ours is repeatable.
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ECONNRESET' && tries === 1 ? 0 : undefined;
}
