/** The chart's own Redis, as a suite does it harm. */
import type { LabHandle } from '../lab/handle.ts';

/** Queue and config database at once, as after a lost disk: everything must be rebuilt from Kubernetes. Answers how many servers did so. */
export async function emptyRedis(lab: LabHandle): Promise<number> {
  const script = 'REDISCLI_AUTH=$REDIS_PASSWORD redis-cli flushall';
  const answer = await lab.execInPod({ namespace: 'opencontrail', name: 'redis-0' }, ['sh', '-c', script]);
  return answer.stdout.includes('OK') ? 1 : 0;
}
