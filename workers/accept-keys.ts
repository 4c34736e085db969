/** `POST /keys`: an operator's wish that keys be looked at again. */
import { z } from 'zod';
import type { Further } from '../runtime/health.ts';
import type { Logger } from '../runtime/log.ts';
import type { Digests } from './digests.ts';
import { namespacesOf, parseKey } from './keys.ts';
import type { KnownUids } from './known-uids.ts';
import { loopbackPage } from './loopback-page.ts';

interface Deps {
  readonly digests: Pick<Digests, 'forget'>;
  readonly uids: Pick<KnownUids, 'doubt'>;
  readonly enqueue: (keys: Iterable<string>) => void;
  readonly log: Logger;
}

const Body = z.object({
  keys: z.array(z.string().refine((text) => parseKey(text) !== undefined, 'is no key, as Pod/<namespace>/<name> is')),
});

/** A run of a key is what a resync would do at its time: it changes nothing that stands as Kubernetes says. */
export function acceptKeys({ digests, uids, enqueue, log }: Deps): Further {
  return loopbackPage({ method: 'POST', path: '/keys', statuses: [202, 400] }, async (body) => {
    const { keys } = Body.parse(body);
    await uids.doubt(namespacesOf(keys));
    for (const key of keys) await digests.forget(key);
    enqueue(keys);
    log.info({ keys: keys.length, first: keys.slice(0, 3) }, 'keys are looked at again by an operator’s wish');
    return { enqueued: keys.length };
  });
}
