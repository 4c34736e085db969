/** `GET /queue`: how long the queues are, and which keys do not get on. */
import type { Further } from '../runtime/health.ts';
import { loopbackPage } from './loopback-page.ts';
import type { KeyQueue } from './queue.ts';

/** So many letters of each state are told: enough to see what is wrong, and no more than a port-forward carries at once. */
const LIMIT = 1_000;

type Told = Pick<KeyQueue, 'state' | 'letters'>;

/** Every replica tells the same, since both are read from Redis. */
export function showQueue({ live, resync }: { readonly live: Told; readonly resync: Told }): Further {
  return loopbackPage({ method: 'GET', path: '/queue', statuses: [200, 503] }, async () => {
    const [states, letters] = await Promise.all([Promise.all([live.state(), resync.state()]), live.letters(LIMIT)]);
    return { queues: { live: states[0], resync: states[1] }, letters };
  });
}
