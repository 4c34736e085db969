/**
 * Fair turns: start-time fair queueing, by the priorities that BullMQ sorts waiting jobs by. A key's turn is the later of the
 * queue's present turn and the end of its flow's last one; so whoever has had none for long is next, however many keys another
 * flow has waiting, and no flow starves, since the present turn moves on.
 *
 *   flow A, 5,000 keys   1 2 3 4 5 6 7 … 5000
 *   flow B, one key          3                    which comes while A's third key runs
 *
 * The turns begin anew when nothing waits, so they stay small. BullMQ sorts by priority × 2³² + a counter.
 */
import type { Redis } from '../runtime/redis.ts';
import type { Turn } from './turn.ts';

/** The last priority that BullMQ takes; where turns have come so far, first come is first served. */
const LAST = 2 ** 21 - 1;

/**
 * Gives each key a turn. A key that waits already keeps its place, or gets the better one of a more urgent flow (a dedupe hit
 * alone would leave it where it is); one that runs or is delayed is to wait at its new turn when it comes back.
 */
const SCRIPT = `
local turns, line, counter, prefix = KEYS[1], KEYS[2], KEYS[3], ARGV[1]
local call = redis.call
local function turnOf(score) return math.floor(tonumber(score) / 4294967296) end

local first, now = call('ZRANGE', line, 0, 0, 'WITHSCORES'), 1
if first[1] then
  now = math.max(tonumber(call('HGET', turns, 'now') or '1'), turnOf(first[2]))
  call('HSET', turns, 'now', now)
else
  call('DEL', turns)
end

local given = {}
for i, asked in ipairs(cjson.decode(ARGV[2])) do
  local key, flow, cost = asked[1], 'flow ' .. asked[2], asked[3]
  local turn = math.min(math.max(now, tonumber(call('HGET', turns, flow) or '1')), ${LAST})
  local id = call('GET', prefix .. 'de:' .. key)
  local score = id and call('ZSCORE', line, id)
  if score and turnOf(score) <= turn then
    turn = turnOf(score)
  else
    call('HSET', turns, flow, turn + cost)
    if score then call('ZADD', line, turn * 4294967296 + call('INCR', counter) % 4294967296, id) end
    if id and call('EXISTS', prefix .. id) == 1 then call('HSET', prefix .. id, 'priority', turn) end
  end
  given[i] = turn
end
return given`;

/** Takes turns for keys of one queue, in one go; answers their priorities in order. */
export type TakeTurns = (keys: readonly string[]) => Promise<readonly number[]>;

/** `keyOf` makes the queue's own Redis keys, as BullMQ names them; `turnOf` says what a key is worth. */
export function createTurns(redis: Redis, keyOf: (name: string) => string, turnOf: (key: string) => Turn): TakeTurns {
  return async (keys) => {
    const asked = keys.map((key) => {
      const { flow, cost } = turnOf(key);
      return [key, flow, cost];
    });
    const own = [keyOf('turns'), keyOf('prioritized'), keyOf('pc')];
    // The script answers one number for each key.
    return (await redis.eval(SCRIPT, own.length, ...own, keyOf(''), JSON.stringify(asked))) as readonly number[];
  };
}
