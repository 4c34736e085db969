/**
 * The Lua script behind every write. It first checks everything that may refuse the plan, then draws numbers and
 * addresses (undoing them if one cannot be had), then writes objects, indices and the change log. Redis runs it alone,
 * so replicas need no locks; nothing between the first write and the last can fail.
 *
 * It is told two keys, the prefix, which is never there, and the epoch, and reaches all others through the prefix. So a Redis Cluster
 * refuses it (TRYAGAIN) for as long as the slot is on its way to another server, instead of running it where only a part of the
 * database is: it would find no epoch, or stop in the middle.
 *
 * Keys under the prefix: `epoch` {id, state}, `rev`, `log` (stream, ID = revision), `o:<uuid>` an object's fields,
 * `fq:<type>` name → uuid, `c:<uuid>` children, `b:<uuid>` referrers, `x:<uuid>` relaxed referrers, `ip:<subnet>`
 * bitmap of units (or `:used`, `:free`, `:next:<from>` for large ranges), `id:<space>` bitmap of numbers.
 */
export const COMMIT_SCRIPT = `
local P = KEYS[1]
local plan = cjson.decode(ARGV[1])
local keep = ARGV[2]
local call = redis.call
local function answer(t) return cjson.encode(t) end
local function conflict(what) return answer({ outcome = 'conflict', what = what }) end

local state
if plan.init then
  if call('EXISTS', P .. 'epoch') == 1 then return conflict('epoch') end
  state = 'ready'
else
  state = call('HGET', P .. 'epoch', 'state')
  if not state then return answer({ outcome = 'noepoch' }) end
end

-- 1. Is what was decided still decidable so?
local fresh, gone = {}, {}
for _, c in ipairs(plan.creates) do fresh[c.uuid] = c end
for _, d in ipairs(plan.deletes) do gone[d.uuid] = true end
local function present(uuid) return fresh[uuid] or (not gone[uuid] and call('EXISTS', P .. 'o:' .. uuid) == 1) end

for _, e in ipairs(plan.expect) do
  if (call('HGET', P .. 'o:' .. e.uuid, 'rev') or '') ~= e.rev then return conflict(e.uuid) end
end
for _, c in ipairs(plan.creates) do
  if call('EXISTS', P .. 'o:' .. c.uuid) == 1 then return conflict(c.uuid) end
  local holder = call('HGET', P .. 'fq:' .. c.type, c.fqText)
  if holder and not gone[holder] then return conflict(c.fqText) end
  if c.parent ~= '' and not present(c.parent) then return conflict(c.parent) end
  for _, r in ipairs(c.refs) do
    if not present(r.target) then return conflict(r.target) end
  end
end
for _, u in ipairs(plan.updates) do
  if not present(u.uuid) then return conflict(u.uuid) end
  for _, r in ipairs(u.refs) do
    if r.op == 'add' and not present(r.target) then return conflict(r.target) end
  end
end
for _, d in ipairs(plan.deletes) do
  if call('EXISTS', P .. 'o:' .. d.uuid) == 0 then return conflict(d.uuid) end
  local known = {}
  for _, k in ipairs(d.known) do known[k] = true end
  for _, index in ipairs({ 'c:', 'b:' }) do
    for _, other in ipairs(call('HKEYS', P .. index .. d.uuid)) do
      if not known[other] then return conflict(other) end
    end
  end
end

-- 2. Numbers and addresses, with what undoes them.
local undo = {}
local function refuse(t)
  for i = #undo, 1, -1 do undo[i]() end
  return answer(t)
end

local function firstClear(key, from, to)
  local bits = call('STRLEN', key) * 8
  if from >= bits then return from end
  local last = math.min(to, bits - 1)
  local found = call('BITPOS', key, 0, from, last, 'BIT')
  if found >= 0 then return found end
  if to >= bits then return bits end
  return nil
end

local function setBit(key, bit)
  call('SETBIT', key, bit, 1)
  undo[#undo + 1] = function() call('SETBIT', key, bit, 0) end
end

local drawn = {}
for i, n in ipairs(plan.numbers) do
  local key = P .. 'id:' .. n.key
  local bit
  if n.value then
    bit = n.value - n.from
    if call('GETBIT', key, bit) == 1 then return refuse({ outcome = 'number taken', number = i - 1 }) end
  else
    bit = firstClear(key, 0, n.to - n.from)
    if not bit then return refuse({ outcome = 'numbers exhausted', number = i - 1 }) end
  end
  setBit(key, bit)
  drawn[i] = n.from + bit
end

local function ipv6(base, offset)
  local words, carry = {}, 0
  local negative = offset < 0
  local rest = math.abs(offset)
  for w = 8, 1, -1 do
    local part = rest % 65536
    rest = (rest - part) / 65536
    local value = negative and (base[w] - part - carry) or (base[w] + part + carry)
    carry = 0
    if value < 0 then value = value + 65536 carry = 1 end
    if value > 65535 then value = value - 65536 carry = 1 end
    words[w] = value
  end
  local bestAt, bestLength, at = 0, 1, 1
  while at <= 8 do
    local stop = at
    while stop <= 8 and words[stop] == 0 do stop = stop + 1 end
    if stop - at > bestLength then bestAt, bestLength = at, stop - at end
    at = math.max(stop, at + 1)
  end
  local parts = {}
  for w = 1, 8 do
    if bestAt > 0 and w >= bestAt and w < bestAt + bestLength then
      if w == bestAt then parts[#parts + 1] = (w == 1) and '::' or ':' end
    else
      parts[#parts + 1] = string.format('%x', words[w]) .. ((w < 8) and ':' or '')
    end
  end
  return table.concat(parts)
end

local function addressOf(c, unit)
  local base = unit < 0 and c.below or c.base
  if c.family == 6 then return ipv6(base, unit * c.step) end
  local n = base + unit * c.step
  local d = n % 256
  n = (n - d) / 256
  local cc = n % 256
  n = (n - cc) / 256
  local b = n % 256
  return string.format('%d.%d.%d.%d', (n - b) / 256, b, cc, d)
end

local function isUsed(c, unit)
  local key = P .. 'ip:' .. c.key
  if c.sparse then return call('SISMEMBER', key .. ':used', unit) == 1 end
  return call('GETBIT', key, unit) == 1
end

local function release(c, unit)
  local key = P .. 'ip:' .. c.key
  if not c.sparse then
    call('SETBIT', key, unit, 0)
  elseif call('SREM', key .. ':used', unit) == 1 then
    call('ZADD', key .. ':free', tonumber(unit), unit)
  end
end

local function use(c, unit)
  local key = P .. 'ip:' .. c.key
  if c.sparse then
    call('SADD', key .. ':used', unit)
    call('ZREM', key .. ':free', unit)
  else
    call('SETBIT', key, unit, 1)
  end
  undo[#undo + 1] = function() release(c, unit) end
end

-- Large ranges: a cursor per range passes what is used; what was released stands in ':free' and comes first if lower.
local function firstSparse(c, range)
  local key = P .. 'ip:' .. c.key
  local cursor = key .. ':next:' .. string.format('%.0f', range.from)
  local freed = call('ZRANGEBYSCORE', key .. ':free', range.from, range.to, 'LIMIT', 0, 1)[1]
  local n = tonumber(call('GET', cursor) or range.from)
  while n <= range.to and call('SISMEMBER', key .. ':used', string.format('%.0f', n)) == 1 do n = n + 1 end
  if n > range.to or (freed and tonumber(freed) < n) then return freed end
  call('SET', cursor, string.format('%.0f', n + 1))
  return string.format('%.0f', n)
end

for _, r in ipairs(plan.reserves) do
  if not isUsed(r, r.unit) then use(r, r.unit) end
end

local addresses = {}
for i, a in ipairs(plan.allocations) do
  if not a.unit and state ~= 'ready' then return refuse({ outcome = 'rebuilding' }) end
  local chosen, unit
  for _, c in ipairs(a.candidates) do
    if a.unit then
      if isUsed(c, a.unit) then return refuse({ outcome = 'taken', allocation = i - 1 }) end
      chosen, unit = c, a.unit
    else
      for _, range in ipairs(c.ranges) do
        if not unit then
          if c.sparse then unit = firstSparse(c, range) else unit = firstClear(P .. 'ip:' .. c.key, range.from, range.to) end
          if unit then chosen = c end
        end
      end
    end
    if unit then break end
  end
  if not unit then return refuse({ outcome = 'exhausted', allocation = i - 1 }) end
  use(chosen, unit)
  local address = addressOf(chosen, tonumber(unit))
  addresses[i] = address
  local target = a.object and fresh[a.object]
  if target then
    if not target.fields[a.addressField] then target.fields[a.addressField] = '"' .. address .. '"' end
    if a.subnetField then target.fields[a.subnetField] = '"' .. chosen.subnetUuid .. '"' end
  end
end

for _, f in ipairs(plan.numberFields) do
  local values = {}
  for i, n in ipairs(f.numbers) do values[i] = drawn[n + 1] end
  fresh[f.object].fields[f.field] = string.format(f.format, unpack(values))
end

-- 3. Everything is granted: write.
if plan.init then
  call('DEL', P .. 'log')
  call('HSET', P .. 'epoch', 'id', plan.init.epoch, 'state', plan.init.state)
end

local revision = 0
local function touch(uuid, type, what)
  revision = call('INCR', P .. 'rev')
  if what == 'put' then call('HSET', P .. 'o:' .. uuid, 'rev', revision, 'modified', plan.now) end
  call('XADD', P .. 'log', 'MAXLEN', '~', keep, revision .. '-0', 'u', uuid, 't', type, 'w', what)
end

local function addRef(from, type, r)
  call('HSET', P .. 'o:' .. from, 'r:' .. r.field .. ':' .. r.target, r.value)
  if r.symmetric then
    call('HSET', P .. 'o:' .. r.target, 'r:' .. r.field .. ':' .. from, r.back)
    if not fresh[r.target] then touch(r.target, type, 'put') end
  else
    call('HSET', P .. 'b:' .. r.target, from, r.back)
  end
end

local function removeRef(from, type, r)
  call('HDEL', P .. 'o:' .. from, 'r:' .. r.field .. ':' .. r.target)
  if r.symmetric then
    if not gone[r.target] and call('HDEL', P .. 'o:' .. r.target, 'r:' .. r.field .. ':' .. from) == 1 then
      touch(r.target, type, 'put')
    end
  else
    call('HDEL', P .. 'b:' .. r.target, from)
    call('HDEL', P .. 'x:' .. r.target, from)
  end
end

for _, d in ipairs(plan.deletes) do
  for _, r in ipairs(d.refs) do removeRef(d.uuid, d.type, r) end
end
for _, u in ipairs(plan.updates) do
  local key = P .. 'o:' .. u.uuid
  for _, r in ipairs(u.refs) do
    if r.op == 'add' then addRef(u.uuid, u.type, r) else removeRef(u.uuid, u.type, r) end
  end
  for _, field in ipairs(u.remove) do call('HDEL', key, field) end
  for field, value in pairs(u.set) do call('HSET', key, field, value) end
  touch(u.uuid, u.type, 'put')
end
for _, d in ipairs(plan.deletes) do
  call('DEL', P .. 'o:' .. d.uuid, P .. 'c:' .. d.uuid, P .. 'b:' .. d.uuid, P .. 'x:' .. d.uuid)
  call('HDEL', P .. 'fq:' .. d.type, d.fqText)
  if d.parent ~= '' and not gone[d.parent] then call('HDEL', P .. 'c:' .. d.parent, d.uuid) end
  touch(d.uuid, d.type, 'delete')
end
for _, c in ipairs(plan.creates) do
  local key = P .. 'o:' .. c.uuid
  for field, value in pairs(c.fields) do call('HSET', key, field, value) end
  call('HSET', key, 'created', plan.now)
  call('HSET', P .. 'fq:' .. c.type, c.fqText, c.uuid)
  if c.parent ~= '' then call('HSET', P .. 'c:' .. c.parent, c.uuid, c.childEntry) end
end
for _, c in ipairs(plan.creates) do
  for _, r in ipairs(c.refs) do addRef(c.uuid, c.type, r) end
  touch(c.uuid, c.type, 'put')
end
for _, r in ipairs(plan.releases) do release(r, r.unit) end
for _, n in ipairs(plan.freeNumbers) do call('SETBIT', P .. 'id:' .. n.key, n.value, 0) end
for _, k in ipairs(plan.drop) do call('DEL', P .. k) end
return answer({ outcome = 'done', revision = revision, addresses = (#addresses > 0) and addresses or nil })
`;
