/** The state of the config database as the embedded server tells it; a real controller has no such thing. */
import { z } from 'zod';
import { type ContrailClient, ContrailError } from '../contrail/client.ts';

export interface DatabaseStatus {
  /** Another epoch is another database. `external` stands for a controller that is not the embedded server. */
  readonly epoch: string;
  /** While `rebuilding`, nothing is allocated and no vRouter deletes. */
  readonly state: 'rebuilding' | 'ready';
  readonly revision: number;
}

const Status = z.object({ epoch: z.string(), state: z.enum(['rebuilding', 'ready']), revision: z.number() });

/** Reads the status; throws when no server answers. */
export async function readStatus(client: ContrailClient): Promise<DatabaseStatus> {
  try {
    return Status.parse(await client.raw('GET', '/embedded/status'));
  } catch (error) {
    if (error instanceof ContrailError && error.status === 404)
      return { epoch: 'external', state: 'ready', revision: 0 };
    throw error;
  }
}

/** Opens allocation after a rebuild. Repeating it is harmless; for an epoch that is over the server refuses (409). */
export async function declareReady(client: ContrailClient, epoch: string): Promise<void> {
  await client.raw('POST', '/embedded/ready', { epoch });
}
