/** The Leases of routers' addresses as a whole: one watch, and who translates. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createKubeClient } from '../../kubernetes/client.ts';
import type { Lifecycle } from '../../runtime/lifecycle.ts';
import type { Logger } from '../../runtime/log.ts';
import type { VrouterSettings } from '../settings.ts';
import { createLeaseBook } from './book.ts';
import { createRouters, PATIENCE_MS, type Routers, type RoutersDeps } from './routers.ts';

interface LeaseDeps extends Omit<RoutersDeps, 'book'> {
  readonly lifecycle: Lifecycle;
  readonly log: Logger;
}

interface LeasedRouters extends Pick<Routers, 'set'> {
  /** Resolves when the API server has told of all Leases, or has been waited for long enough. */
  readonly whenKnown: () => Promise<void>;
}

/** Runs until the program ends; `undefined` where Leases are kept nowhere. */
export function leaseRouters(
  { node, leaseNamespace: namespace, kubernetesApi: apiServer }: VrouterSettings,
  { lifecycle, log, ...deps }: LeaseDeps,
): LeasedRouters | undefined {
  if (namespace === '') return undefined;
  const client = createKubeClient({ apiServer });
  const look = (): void => routers.look();
  const book = createLeaseBook({ client, namespace, node, onChange: look, signal: lifecycle.signal, log });
  const routers = createRouters({ book, ...deps });
  lifecycle.onClose('routers’ Leases', routers.close);
  return {
    set: routers.set,
    whenKnown: async () => await Promise.race([book.whenRead(), sleep(PATIENCE_MS, undefined, { ref: false })]),
  };
}
