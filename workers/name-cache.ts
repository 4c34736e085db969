/** UUIDs of long-lived Contrail objects by name: routers, networks, projects. Forgotten as a whole when something did not fit. */
import type { ContrailClient } from '../contrail/client.ts';
import type { FqName } from '../contrail/objects.ts';

export interface NameCache {
  /** The object's UUID, or `undefined` where there is none now; absences are not remembered. */
  readonly uuidOf: (type: string, fqName: FqName) => Promise<string | undefined>;
  readonly forget: () => void;
}

/** A cache over `client`; nothing is read before it is asked for. */
export function createNameCache(client: ContrailClient): NameCache {
  const known = new Map<string, string>();
  return {
    uuidOf: async (type, fqName) => {
      const identity = `${type} ${fqName.join(':')}`;
      const cached = known.get(identity);
      if (cached !== undefined) return cached;
      const uuid = await client.fqNameToUuid(type, fqName);
      if (uuid !== undefined) known.set(identity, uuid);
      return uuid;
    },
    forget: () => known.clear(),
  };
}
