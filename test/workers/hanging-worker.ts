/** A worker process that takes one key and never finishes it; a test kills it with -9. Arguments: Redis URL, timing as JSON. */
import { createLogger } from '../../runtime/log.ts';
import { createRedis } from '../../runtime/redis.ts';
import { createQueue } from '../../workers/queue.ts';

const [url = '', timing = '{}'] = process.argv.slice(2);
const queue = createQueue({
  name: 'live',
  log: createLogger('test', 'silent'),
  timing: JSON.parse(timing) as Record<string, number>,
  connect: () => createRedis(url),
});
queue.work(async () => {
  process.stdout.write('started\n');
  return await new Promise(() => undefined);
}, 1);
