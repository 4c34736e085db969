/** Carries a plan out against the config API. Every operation may be repeated: after a crash, or by a second worker. */
import { type ContrailClient, ContrailError } from './client.ts';
import type { ContrailObject } from './objects.ts';
import type { Operation } from './plan.ts';
import { isReference, type ReferenceObject } from './reference.ts';

/**
 * Carries out operations one after the other. What an earlier attempt has done already is no error; anything else that
 * fails ends it with the server's own error, and a new gather and plan go on from there. An aborted `signal` ends it between
 * two operations (and the client's own signal within one).
 */
export async function apply(
  operations: readonly Operation[],
  deps: { readonly client: ContrailClient; readonly signal?: AbortSignal },
): Promise<void> {
  for (const operation of operations) {
    deps.signal?.throwIfAborted();
    await applyOne(operation, deps.client);
  }
}

async function applyOne(operation: Operation, client: ContrailClient): Promise<void> {
  const { object } = operation;
  switch (operation.op) {
    case 'create':
      return isReference(object) ? changeReference(object, 'ADD', client) : create(object, client);
    case 'update':
      if (isReference(object)) return changeReference(object, 'ADD', client, operation.fields['attr']);
      return client.update(object.type, object.uuid, operation.fields);
    case 'delete':
      return isReference(object) ? changeReference(object, 'DELETE', client) : client.delete(object.type, object.uuid);
  }
}

/** An attempt whose answer was lost, and whoever makes the same at the same time, find their own object: name and UUID tell. */
async function create(object: ContrailObject, client: ContrailClient): Promise<void> {
  try {
    await client.create(object);
  } catch (error) {
    if (error instanceof ContrailError && error.status === 409 && (await isItself(object, error, client))) return;
    throw error;
  }
}

/**
 * The messages are what clients rely on (config-api facts 3: `['d', 'n'] already exists with uuid: <uuid>`). The server looks for the name
 * first; what is made between that and its look for the UUID it tells of as `<uuid> already exists with fq_name: ['d', 'n']`.
 */
async function isItself(object: ContrailObject, { message }: ContrailError, client: ContrailClient): Promise<boolean> {
  if (message.includes(`already exists with uuid: ${object.uuid}`)) return true;
  if (!message.startsWith(`${object.uuid} already exists with fq_name: `)) return false;
  return (await client.fqNameToUuid(object.type, object.fq_name)) === object.uuid;
}

async function changeReference(
  reference: ReferenceObject,
  operation: 'ADD' | 'DELETE',
  client: ContrailClient,
  attr: unknown = reference.attr,
): Promise<void> {
  const { from, to } = reference;
  try {
    await client.refUpdate({
      type: from.type,
      uuid: from.uuid,
      refType: to.type,
      refUuid: to.uuid,
      refFqName: to.fq_name,
      operation,
      attr,
    });
  } catch (error) {
    // Either end being gone has taken the reference with it.
    if (operation === 'DELETE' && error instanceof ContrailError && error.status === 404) return;
    throw error;
  }
}
