/** How long the queue is and how long its keys wait: what replicas are scaled by. */
import type { Redis } from '../runtime/redis.ts';

export interface QueueState {
  readonly waiting: number;
  readonly active: number;
  /** Back off, or are "not yet". */
  readonly delayed: number;
  /** Given up until their object changes. */
  readonly refused: number;
  /** Age of the key that has waited longest for its first run, in seconds; 0 when none waits. */
  readonly oldestSeconds: number;
}

/** So many of the next keys are looked at: each flow's oldest is at its head, and the heads of flows are the next. */
const HEAD = 1_000;

/** Jobs that have run before come back with their old time, which says nothing about how long they have waited now. */
const SCRIPT = `
local wait, line, active, delayed, refused = unpack(KEYS)
local call = redis.call
local ids = call('ZRANGE', line, 0, ARGV[2] - 1)
for _, id in ipairs(call('LRANGE', wait, -1, -1)) do ids[#ids + 1] = id end
local oldest
for _, id in ipairs(ids) do
  local since, started = unpack(call('HMGET', ARGV[1] .. id, 'timestamp', 'ats'))
  if since and not started and (not oldest or tonumber(since) < oldest) then oldest = tonumber(since) end
end
local waiting = call('LLEN', wait) + call('ZCARD', line)
return { waiting, call('LLEN', active), call('ZCARD', delayed), call('HLEN', refused), oldest or 0 }`;

/** Reads the state at once; `keyOf` makes the queue's Redis keys, as BullMQ names them. */
export async function readQueueState(redis: Redis, keyOf: (name: string) => string): Promise<QueueState> {
  const keys = ['wait', 'prioritized', 'active', 'delayed', 'refused'].map(keyOf);
  const answer = await redis.eval(SCRIPT, keys.length, ...keys, keyOf(''), HEAD);
  // The script answers five numbers.
  const [waiting, active, delayed, refused, oldest] = answer as [number, number, number, number, number];
  const oldestSeconds = oldest === 0 ? 0 : Math.max(0, (Date.now() - oldest) / 1000);
  return { waiting, active, delayed, refused, oldestSeconds };
}

/** How many keys wait, and nothing else: next to nothing to Redis, however many they are. */
export async function readWaiting(redis: Redis, keyOf: (name: string) => string): Promise<number> {
  const [listed, inLine] = await Promise.all([redis.llen(keyOf('wait')), redis.zcard(keyOf('prioritized'))]);
  return listed + inLine;
}
