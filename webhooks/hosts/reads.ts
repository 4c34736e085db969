/** What a function knows of the cluster: single objects, read when a decision needs them and kept for a moment. */
import type { KubeClient, KubeObject } from '../../kubernetes/client.ts';

/** Of a call's two seconds, what one read may take. */
const READ_MS = 300;
/** So long a namespace that has just been annotated may be answered by what it said before; a worker then says so. */
const FRESH_MS = 1_000;
/** A read is some kilobytes; the oldest go first. */
const MOST = 500;

/** Reads by `get`, each path at most once in `FRESH_MS`. An absence or a failure is not kept. */
export function boundedReads(
  client: Pick<KubeClient, 'get'>,
  now: () => number = () => performance.now(),
): Pick<KubeClient, 'get'> {
  const kept = new Map<string, { readonly until: number; readonly object: KubeObject }>();
  const read = async (path: string): Promise<KubeObject | undefined> => {
    const object = await client.get(path, { timeoutMs: READ_MS });
    kept.delete(path);
    if (object === undefined) return undefined;
    kept.set(path, { until: now() + FRESH_MS, object });
    const [oldest] = kept.keys();
    if (kept.size > MOST && oldest !== undefined) kept.delete(oldest);
    return object;
  };
  const pending = new Map<string, Promise<KubeObject | undefined>>();
  return {
    get: async (path) => {
      const known = kept.get(path);
      if (known !== undefined && known.until > now()) return known.object;
      const running = pending.get(path) ?? read(path).finally(() => pending.delete(path));
      pending.set(path, running);
      return await running;
    },
  };
}
