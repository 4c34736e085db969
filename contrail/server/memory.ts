/** What is remembered of the database outside Redis, so that an old one that comes back is not taken for the newest. */
import { z } from 'zod';
import { type ApiServerAccess, askApiServer } from '../../runtime/api-server.ts';

/** The newest database that was declared whole, and a revision that it had reached. */
export interface Remembered {
  readonly epoch: string;
  readonly revision: number;
}

export interface DatabaseMemory {
  /** `undefined` where nothing has been remembered yet; throws when it cannot be known. */
  readonly read: () => Promise<Remembered | undefined>;
  readonly write: (remembered: Remembered) => Promise<void>;
}

const NAME = 'config-database';
const ConfigMap = z.object({ data: z.object({ epoch: z.string(), revision: z.coerce.number() }) });

/** A memory in the ConfigMap `config-database` of this namespace. */
export function createConfigMapMemory(namespace: string, access: ApiServerAccess): DatabaseMemory {
  const path = `/api/v1/namespaces/${namespace}/configmaps/${NAME}`;
  return {
    read: async () => {
      const { status, body } = await askApiServer({ path }, access);
      if (status === 404) return undefined;
      if (status !== 200) throw new Error(`GET ${path} answered ${status}: ${body.slice(0, 200)}`);
      return ConfigMap.parse(JSON.parse(body)).data;
    },
    write: async ({ epoch, revision }) => {
      const manifest = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: NAME, namespace },
        data: { epoch, revision: String(revision) },
      };
      const { status, body } = await askApiServer(
        {
          method: 'PATCH',
          path: `${path}?fieldManager=config-api&force=true`,
          contentType: 'application/apply-patch+yaml',
          body: JSON.stringify(manifest),
        },
        access,
      );
      if (status >= 300) throw new Error(`PATCH ${path} answered ${status}: ${body.slice(0, 200)}`);
    },
  };
}
