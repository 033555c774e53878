/**
 * The scripts that write. Each is one round trip and happens as a whole or not at all. What they
 * answer is text and lists of it, which every driver gives back alike.
 *
 * Keys that a script makes by itself begin with one that it was given: so they lie in the same slot
 * of a cluster, and under a prefix that a client adds by itself.
 *
 * @module
 */

import { FOREIGN, STANDING } from "./redis_lua_helpers.ts";
import { makeScript } from "./redis_script.ts";

/**
 * Saves a whole checkpoint.
 *
 * Keys: index, checkpoint, runs, expiring, and where they differ from ours, the runs of the Python
 * framework. Arguments: sequence, writer, status, time to live in milliseconds or `""`, text, the
 * writer of the checkpoint that is changed or `""`, summary, `"anew"` where the run is known to be new
 * or `""`, and the run's raw id; what is empty at the end may be left out. Answers `saved`,
 * `conflict`, or `unknown` where an older store has to be searched first.
 *
 * What is changed may be gone when the server restarted and forgot some or all of what it was told:
 * then the run goes on. Not so where it was deleted, or begun anew by somebody else since.
 *
 * Everything is checked before the first write, and that is a SET: it is refused when memory is
 * full, and after a first write nothing is. What is older than the latest checkpoint gets no longer
 * to live than the latest has. A checkpoint in the place of another one begins no chain of changes:
 * who saved the first one knows nothing of the second.
 *
 * What is no matter of this checkpoint is left to some saves: the end of expired runs to the first
 * one of a run, that of expired checkpoints to every eighth and to those that end a chain. Each does
 * more than comes up meanwhile.
 */
export const SAVE = makeScript(`
local index, checkpoint, runs, expiring, rawRuns = unpack(KEYS)
local sequence, writer, status, ttl, text, upon, summary, anew, rawMember = unpack(ARGV)
local run = string.sub(index, 1, -1 - #'index')
local pipeline = string.sub(runs, 1, -1 - #'runs')
local entry = string.sub(checkpoint, #run + 1)
local member = string.sub(run, #pipeline + 1, -2)
local latest = redis.pcall('HMGET', index, 'sequence', 'entry', 'writer', 'ttl', 'base')
local count = redis.pcall('ZCARD', runs)
local isAwaited = latest[1] and latest[4] ~= ''
if not isAwaited or type(count) == 'table' then
  ${FOREIGN}
  local foreign = foreignAmong({'hash', 'string', 'zset', 'zset', 'zset'})
  if foreign then return foreign end
  if latest.err then return latest end
  if type(count) == 'table' then return count end
end

local number, stored, last, base = tonumber(sequence), tonumber(latest[1] or nil), latest[2], latest[5]
if stored then
  local isOwn = number == stored and writer == latest[3]
  local isNext = number > stored and (upon == '' or upon == latest[3] or writer == latest[3])
  if not isOwn and not isNext then return 'conflict' end
elseif upon ~= '' and redis.call('EXISTS', run .. 'deleted') == 1 then
  return 'conflict'
elseif (anew or '') == '' and (number > 0 or redis.call('ZSCORE', runs, member)
    or rawRuns and redis.call('ZSCORE', rawRuns, rawMember)) then
  ${STANDING}
  if standing(index) == 'unknown' then return 'unknown' end
end

local clock = redis.call('TIME')
local time = clock[1] + clock[2] / 1000000
local deadline = ttl ~= '' and string.format('%.0f', time * 1000 + ttl)
local expires = deadline and status ~= 'paused'
local written
if expires then written = redis.pcall('SET', checkpoint, text, 'PXAT', deadline, 'GET')
else written = redis.pcall('SET', checkpoint, text, 'GET') end
if type(written) == 'table' and written.err then
  ${FOREIGN}
  return foreignAmong({'hash', 'string'}) or written
end
redis.call('HSET', index, 'sequence', sequence, 'base', sequence, 'entry', entry, 'writer', writer,
  'status', status, 'ttl', expires and ttl or '', 'summary', summary or '',
  'heard', string.format('%.0f', time * 1000), sequence, entry)
redis.call('ZADD', runs, time, member)
if expires then
  redis.call('PEXPIREAT', index, deadline)
  if not isAwaited then redis.call('ZADD', expiring, deadline / 1000, member) end
else redis.call('PERSIST', index) end

if not stored then
  redis.call('HSET', index, 'oldest', sequence)
  for _, due in ipairs(redis.call('ZRANGEBYSCORE', expiring, '-inf', time, 'LIMIT', 0, 4)) do
    local left = redis.call('PTTL', pipeline .. due .. ':index')
    if left >= 0 then redis.call('ZADD', expiring, time + left / 1000, due)
    else redis.call('ZREM', expiring, due) end
    if left == -2 then redis.call('ZREM', runs, due) end
  end
elseif sequence == base then
  if last ~= entry then redis.call('UNLINK', run .. last) end
  if written ~= text then redis.call('HSET', index, '+' .. sequence, 'closed') end
else
  local changes = run .. 'changes:' .. base
  if stored == number then redis.call('RPOP', changes) end
  if number > base + 1 then
    redis.call('HSET', index, '>' .. base, sequence, '<' .. sequence, base)
  end
  if deadline and latest[4] ~= ttl then
    for _, key in ipairs({run .. last, changes}) do
      local left = redis.call('PTTL', key)
      if left == -1 or left > tonumber(ttl) then redis.call('PEXPIREAT', key, deadline) end
    end
  end
  if number % 8 == 0 or latest[1] ~= base then
    local oldest = redis.call('HGET', index, 'oldest')
    for _ = 1, 16 do
      local found = redis.call('HMGET', index, oldest, '>' .. oldest)
      if not found[1] or redis.call('EXISTS', run .. found[1]) == 1 then break end
      local following = found[2] or string.format('%.0f', oldest + 1)
      redis.call('UNLINK', run .. 'changes:' .. oldest)
      redis.call('HDEL', index, oldest, '+' .. oldest, '>' .. oldest, '<' .. following)
      oldest = following
    end
    redis.call('HSET', index, 'oldest', oldest)
  end
end
return 'saved'
`);

/**
 * Saves a checkpoint as a change of the one before it.
 *
 * Keys: index, runs. Arguments: sequence, writer, status, time to live in milliseconds or `""`, text,
 * the sequence of the whole checkpoint that the chain begins with, that of the one before, and a
 * summary or `""`. Answers `saved`, or `refused` where nothing was written: if the checkpoint before
 * is not the latest, not of this writer or not of this chain, or part of the chain is gone. An answer
 * that was lost is given again.
 *
 * All that the latest checkpoint needs gets the same time to live. Everything is checked before the
 * first write, and that is the one which is refused when memory is full.
 */
export const CHANGE = makeScript(`
local index, runs = unpack(KEYS)
local sequence, writer, status, ttl, text, base, since, summary = unpack(ARGV)
local run = string.sub(index, 1, -1 - #'index')
local changes, mark = run .. 'changes:' .. base, '+' .. base
local latest = redis.pcall('HMGET', index, 'sequence', 'writer', 'base', 'entry', 'ttl', mark)
if latest.err or latest[2] ~= writer or latest[3] ~= base or latest[6] == 'closed' then
  return 'refused'
end
if latest[1] == sequence then
  return redis.call('LINDEX', changes, -1) == text and 'saved' or 'refused'
end
local parts = since == base and 1 or 2
if latest[1] ~= since or latest[5] ~= ttl
    or redis.call('EXISTS', run .. latest[4], changes) ~= parts
    or type(redis.pcall('ZCARD', runs)) == 'table' then
  return 'refused'
end

local clock = redis.call('TIME')
local now = clock[1] * 1000 + clock[2] / 1000
local expires = ttl ~= '' and status ~= 'paused'
local pushed = redis.pcall('RPUSH', changes, text)
if type(pushed) == 'table' then
  return string.find(pushed.err, 'WRONGTYPE') and 'refused' or pushed
end
redis.call('HSET', index, 'sequence', sequence, 'status', status, 'ttl', expires and ttl or '',
  'changed', summary, 'heard', string.format('%.0f', now))
if parts == 1 then redis.call('HSET', index, mark, 'open') end
redis.call('ZADD', runs, now / 1000, string.sub(run, 1 + #runs - #'runs', -2))
if ttl ~= '' then
  local deadline = string.format('%.0f', now + ttl)
  for _, key in ipairs({index, run .. latest[4], changes}) do
    if expires then redis.call('PEXPIREAT', key, deadline) else redis.call('PERSIST', key) end
  end
end
return 'saved'
`);

/**
 * Notes that a run's worker is alive, and has what its latest checkpoint needs live as long from now
 * as from the last save on. Keys: index. Arguments: the writer. Answers `touched`, or `lost` if the
 * latest checkpoint is another's or the run was deleted.
 *
 * A run that the server has forgotten is nobody else's: its worker goes on, and saves it anew.
 */
export const TOUCH = makeScript(`
local index = KEYS[1]
local latest = redis.call('HMGET', index, 'writer', 'ttl', 'entry', 'base')
local run = string.sub(index, 1, -1 - #'index')
if not latest[1] then
  return redis.call('EXISTS', run .. 'deleted') == 1 and 'lost' or 'touched'
end
if latest[1] ~= ARGV[1] then return 'lost' end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + clock[2] / 1000
redis.call('HSET', index, 'heard', string.format('%.0f', now))
if latest[2] ~= '' then
  local deadline = string.format('%.0f', now + latest[2])
  for _, key in ipairs({index, run .. latest[3], run .. 'changes:' .. latest[4]}) do
    redis.call('PEXPIREAT', key, deadline)
  end
end
return 'touched'
`);
