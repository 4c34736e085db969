/** The config REST API as functions over `ContrailObject`s; works alike against a real controller and the embedded server. */
import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import type { ContrailObject, FqName } from './objects.ts';
import {
  CLOSED,
  ContrailError,
  createTransport,
  type Exchange,
  type Transport,
  type TransportOptions,
} from './transport.ts';

export { CLOSED, ContrailError };

export type ContrailClientOptions = TransportOptions;

/** Which objects of a type to list; several conditions narrow each other. */
interface ListQuery {
  readonly parentId?: string;
  /** Objects that refer to these. */
  readonly backRefId?: string | readonly string[];
  readonly uuids?: readonly string[];
  readonly fqNames?: readonly FqName[];
  /** Fields to read besides the identity; children and back references are allowed. */
  readonly fields?: readonly string[];
  /** Whole objects: all properties and references. */
  readonly detail?: boolean;
}

/** One change of one reference, atomic on the server. ADD overwrites `attr`; DELETE of what is not there succeeds. */
interface RefUpdate {
  readonly type: string;
  readonly uuid: string;
  readonly refType: string;
  readonly refUuid?: string;
  readonly refFqName?: FqName;
  readonly operation: 'ADD' | 'DELETE';
  readonly attr?: unknown;
}

/** One change of one item of a list or map property. */
interface CollectionUpdate {
  readonly field: string;
  readonly operation: 'add' | 'modify' | 'set' | 'delete';
  readonly value?: unknown;
  readonly position?: string;
}

/** All calls throw `ContrailError` for an answer that is no success, except where said; and retry what a retry can mend. */
export interface ContrailClient {
  /** Creates an object and resolves with its UUID; 409 when the name or UUID is taken, also by an attempt before a retry. */
  readonly create: (object: NewObject) => Promise<string>;
  /** The whole object, or `undefined` where there is none. Back references and children are left out. */
  readonly read: (type: string, uuid: string) => Promise<ContrailObject | undefined>;
  readonly readByName: (type: string, fqName: FqName) => Promise<ContrailObject | undefined>;
  /** Replaces the fields given, each as a whole; `null` removes one. */
  readonly update: (type: string, uuid: string, fields: Readonly<Record<string, unknown>>) => Promise<void>;
  /** Deletes; an object that is not there is no error. 409 while others refer to it. */
  readonly delete: (type: string, uuid: string) => Promise<void>;
  readonly list: (type: string, query?: ListQuery) => Promise<readonly ContrailObject[]>;
  readonly fqNameToUuid: (type: string, fqName: FqName) => Promise<string | undefined>;
  readonly refUpdate: (update: RefUpdate) => Promise<void>;
  readonly setTag: (type: string, uuid: string, tags: Readonly<Record<string, unknown>>) => Promise<void>;
  readonly chown: (uuid: string, owner: string) => Promise<void>;
  readonly propCollectionUpdate: (uuid: string, updates: readonly CollectionUpdate[]) => Promise<void>;
  /** Any other call; resolves with the parsed answer. */
  readonly raw: (method: Exchange['method'], path: string, body?: unknown) => Promise<unknown>;
  /** A response that stays open, for the change stream. */
  readonly open: (path: string, signal: AbortSignal) => Promise<IncomingMessage>;
  /** The same client whose calls end when this signal aborts. */
  readonly withSignal: (signal: AbortSignal) => ContrailClient;
  readonly close: () => void;
}

/** An object to create; the server chooses the UUID where none is given. */
type NewObject = Omit<ContrailObject, 'uuid'> & {
  readonly type: string;
  readonly fq_name: FqName;
  readonly uuid?: string;
};

const Identity = z.looseObject({ uuid: z.string(), fq_name: z.array(z.string()) });
const NOT_SENT = new Set(['type', 'href', 'parent_href', 'name', 'id_perms']);
/** Above this many UUIDs a list goes by POST, as the Python client does. */
const MAX_IDS_IN_URL = 25;

/** A client over the servers that `endpoints` names. No connection is made before the first call. */
export function createContrailClient(options: ContrailClientOptions): ContrailClient {
  return clientOver(createTransport(options));
}

function clientOver(transport: Transport, signal?: AbortSignal): ContrailClient {
  const call: ContrailClient['raw'] = (method, path, body) =>
    transport.exchange(body === undefined ? { method, path } : { method, path, body }, signal);
  const read: ContrailClient['read'] = async (type, uuid) => {
    const path = `/${type}/${uuid}?exclude_back_refs=true&exclude_children=true&exclude_hrefs=true`;
    const answer = await absentAs404(() => call('GET', path));
    return answer === undefined ? undefined : objectOf(type, field(answer, type));
  };
  const fqNameToUuid: ContrailClient['fqNameToUuid'] = async (type, fqName) => {
    const answer = await absentAs404(() => call('POST', '/fqname-to-id', { type, fq_name: fqName }));
    return answer === undefined ? undefined : z.object({ uuid: z.string() }).parse(answer).uuid;
  };
  return {
    create: async (object) => {
      const answer = await call('POST', `/${object.type}s`, { [object.type]: fieldsToSend(object) });
      return z.object({ uuid: z.string() }).parse(field(answer, object.type)).uuid;
    },
    read,
    readByName: async (type, fqName) => {
      const uuid = await fqNameToUuid(type, fqName);
      return uuid === undefined ? undefined : read(type, uuid);
    },
    update: async (type, uuid, fields) =>
      void (await call('PUT', `/${type}/${uuid}`, { [type]: fieldsToSend(fields) })),
    delete: async (type, uuid) => void (await absentAs404(() => call('DELETE', `/${type}/${uuid}`))),
    list: (type, query = {}) => list(call, type, query),
    fqNameToUuid,
    refUpdate: async (update) => void (await call('POST', '/ref-update', refUpdateBody(update))),
    setTag: async (type, uuid, tags) =>
      void (await call('POST', '/set-tag', { ...tags, obj_type: type, obj_uuid: uuid })),
    chown: async (uuid, owner) => void (await call('POST', '/chown', { uuid, owner })),
    propCollectionUpdate: async (uuid, updates) =>
      void (await call('POST', '/prop-collection-update', { uuid, updates })),
    raw: call,
    open: (path, stop) => transport.open(path, signal === undefined ? stop : AbortSignal.any([signal, stop])),
    withSignal: (stop) => clientOver(transport, signal === undefined ? stop : AbortSignal.any([signal, stop])),
    close: transport.close,
  };
}

async function list(call: ContrailClient['raw'], type: string, query: ListQuery): Promise<readonly ContrailObject[]> {
  const conditions = conditionsOf(query);
  const ids = (query.uuids ?? []).length + idsOf(query.backRefId).length;
  const answer =
    ids > MAX_IDS_IN_URL
      ? await call('POST', '/list-bulk-collection', {
          ...conditions,
          type,
          detail: query.detail ?? false,
          exclude_hrefs: true,
        })
      : await call('GET', `/${type}s?${listUrl(conditions, query)}`);
  const items = z.array(z.record(z.string(), z.unknown())).parse(field(answer, `${type}s`));
  return items.map((item) => objectOf(type, query.detail ? item[type] : item));
}

function idsOf(ids: string | readonly string[] | undefined): readonly string[] {
  return typeof ids === 'string' ? [ids] : (ids ?? []);
}

function conditionsOf(query: ListQuery): Record<string, string> {
  const conditions = {
    parent_id: query.parentId,
    back_ref_id: query.backRefId === undefined ? undefined : idsOf(query.backRefId).join(','),
    obj_uuids: query.uuids?.join(','),
    fields: query.fields?.join(','),
  };
  return Object.fromEntries(
    Object.entries(conditions).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

function listUrl(conditions: Record<string, string>, query: ListQuery): string {
  const names = query.fqNames?.map((fqName) => fqName.join(':')).join(',');
  return new URLSearchParams({
    ...conditions,
    ...(names === undefined ? {} : { fq_names: names }),
    exclude_hrefs: 'true',
    ...(query.detail ? { detail: 'true' } : {}),
  }).toString();
}

async function absentAs404(run: () => Promise<unknown>): Promise<unknown> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof ContrailError && error.status === 404) return undefined;
    throw error;
  }
}

function objectOf(type: string, value: unknown): ContrailObject {
  return { ...Identity.parse(value), type };
}

function field(answer: unknown, key: string): unknown {
  return z.record(z.string(), z.unknown()).parse(answer)[key];
}

/** Read-only fields are left out; `id_perms` too, since its 64-bit halves do not survive JSON.parse (facts 1). */
function fieldsToSend(object: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !NOT_SENT.has(key)));
}

function refUpdateBody(update: RefUpdate): Record<string, unknown> {
  return {
    type: update.type,
    uuid: update.uuid,
    'ref-type': update.refType,
    ...(update.refUuid === undefined ? {} : { 'ref-uuid': update.refUuid }),
    ...(update.refFqName === undefined ? {} : { 'ref-fq-name': update.refFqName }),
    operation: update.operation,
    attr: update.attr ?? null,
  };
}
