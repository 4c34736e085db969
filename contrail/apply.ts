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

/** An attempt whose answer was lost, and a second worker, find their own object: the UUID tells. */
async function create(object: ContrailObject, client: ContrailClient): Promise<void> {
  try {
    await client.create(object);
  } catch (error) {
    if (error instanceof ContrailError && error.status === 409 && isItself(object, error.message)) return;
    throw error;
  }
}

/** The message's UUID is what clients rely on (config-api facts 3: `['d', 'n'] already exists with uuid: <uuid>`). */
function isItself(object: ContrailObject, message: string): boolean {
  return message.includes(`already exists with uuid: ${object.uuid}`);
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
