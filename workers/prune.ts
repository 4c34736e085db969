/**
 * Finds Contrail objects of ours whose Kubernetes object is gone, which a lost event would leave for ever. A suspicion becomes
 * a run of the key only after a second look and a grace period; the run itself confirms the absence with a live read.
 */
import type { ContrailClient } from '../contrail/client.ts';
import { ownerOf } from '../contrail/ownership.ts';
import type { Logger } from '../runtime/log.ts';
import type { Redis } from '../runtime/redis.ts';
import { keyText, OWNING_KINDS, parseKey } from './keys.ts';

export interface PruneDeps {
  readonly contrail: ContrailClient;
  readonly cluster: string;
  readonly redis: Redis;
  readonly graceMs: number;
  readonly now: number;
  /** Whether Kubernetes has what a key stands for, by caches that are complete. */
  readonly exists: (key: string) => boolean;
  readonly enqueue: (keys: readonly string[]) => Promise<void>;
  readonly log: Logger;
}

/** Types by whose objects every owner is found. */
const SWEPT = [
  'virtual-machine',
  'virtual-machine-interface',
  'instance-ip',
  'loadbalancer',
  'virtual-network',
  'network-ipam',
  'network-policy',
  'security-group',
  'firewall-policy',
  'service-template',
  'service-instance',
  'tag',
  'project',
  'virtual-router',
];
const SUSPECTS = '{opencontrail}:suspects';

/** One look at everything of ours. Call it only with caches that are complete and watched. */
export async function prune(deps: PruneDeps): Promise<{ readonly suspects: number; readonly enqueued: number }> {
  const owners = await ownersInContrail(deps);
  const verdict = judge({
    owners,
    suspects: await deps.redis.hgetall(SUSPECTS),
    exists: deps.exists,
    now: deps.now,
    graceMs: deps.graceMs,
  });
  await deps.redis.del(SUSPECTS);
  if (Object.keys(verdict.suspects).length > 0) await deps.redis.hset(SUSPECTS, verdict.suspects);
  if (verdict.kind === 'tooMany') {
    deps.log.error(
      { gone: Object.keys(verdict.suspects).length, of: owners.length },
      'too many objects are gone at once: not pruning',
    );
    return { suspects: Object.keys(verdict.suspects).length, enqueued: 0 };
  }
  await deps.enqueue(verdict.condemned);
  return { suspects: Object.keys(verdict.suspects).length, enqueued: verdict.condemned.length };
}

async function ownersInContrail({ contrail, cluster }: PruneDeps): Promise<readonly string[]> {
  const owners = new Set<string>();
  for (const type of SWEPT) {
    for (const object of await contrail.list(type, { fields: ['annotations'] })) {
      const owner = ownerOf(object);
      const kind = OWNING_KINDS.find((known) => known === owner?.kind);
      if (owner === undefined || owner.cluster !== cluster || kind === undefined || kind === 'Cluster') continue;
      owners.add(keyText({ kind, namespace: owner.namespace, name: owner.name }));
    }
  }
  return [...owners];
}

export type Verdict =
  | {
      readonly kind: 'pruned';
      readonly suspects: Readonly<Record<string, string>>;
      readonly condemned: readonly string[];
    }
  | { readonly kind: 'tooMany'; readonly suspects: Readonly<Record<string, string>> };

/** Up to this many may go at once whatever their share; above it no more than the share. */
const ALWAYS_ALLOWED = 20;
const LARGEST_SHARE = 0.3;

/** Who is suspected since when (milliseconds since the epoch, as text), and whose grace is over. Pure. */
export function judge(world: {
  readonly owners: readonly string[];
  readonly suspects: Readonly<Record<string, string>>;
  readonly exists: (key: string) => boolean;
  readonly now: number;
  readonly graceMs: number;
}): Verdict {
  const { owners, exists, now, graceMs } = world;
  const gone = owners.filter((key) => parseKey(key) !== undefined && !exists(key));
  const suspects = Object.fromEntries(gone.map((key) => [key, world.suspects[key] ?? String(now)]));
  const condemned = gone.filter(
    (key) => world.suspects[key] !== undefined && now - Number(world.suspects[key]) >= graceMs,
  );
  // Many that go just now are somebody's deletion of many, and on their way without us.
  const isTooMany = gone.length > ALWAYS_ALLOWED && gone.length > owners.length * LARGEST_SHARE;
  return isTooMany && condemned.length > 0 ? { kind: 'tooMany', suspects } : { kind: 'pruned', suspects, condemned };
}
