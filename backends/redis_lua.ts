/**
 * The scripts. Each is one round trip and happens as a whole or not at all. What they answer is
 * text and lists of it, which every driver gives back alike.
 *
 * Keys that a script makes by itself begin with one that it was given: so they lie in the same slot
 * of a cluster, and under a prefix that a client adds by itself.
 *
 * @module
 */

import { FOREIGN, STANDING } from "./redis_lua_helpers.ts";
import { makeScript } from "./redis_script.ts";

/**
 * Saves a checkpoint.
 *
 * Keys: index, checkpoint, runs, expiring, and where they differ from ours, the runs of the Python
 * framework. Arguments: sequence, writer, status, time to live in milliseconds or `""`, text,
 * summary, `"anew"` where the run is known to be new or `""`, and the run's raw id; what is empty at
 * the end may be left out. Answers `saved`, `conflict`, or `unknown` where an older store has to be
 * searched first.
 *
 * Everything is checked before the first write, and that is a SET: it is refused when memory is
 * full, and after a first write nothing is. What is older than the latest checkpoint gets no longer
 * to live than the latest has.
 *
 * What is no matter of this checkpoint is left to some saves: the end of expired runs to the first
 * one of a run, that of expired checkpoints to every eighth. Each does more than comes up meanwhile.
 */
export const SAVE = makeScript(`
local index, checkpoint, runs, expiring, rawRuns = unpack(KEYS)
local sequence, writer, status, ttl, text, summary, anew, rawMember = unpack(ARGV)
local run = string.sub(index, 1, -1 - #'index')
local pipeline = string.sub(runs, 1, -1 - #'runs')
local entry = string.sub(checkpoint, #run + 1)
local member = string.sub(run, #pipeline + 1, -2)
local latest = redis.pcall('HMGET', index, 'sequence', 'entry', 'writer', 'ttl')
local count = redis.pcall('ZCARD', runs)
local isAwaited = latest[1] and latest[4] ~= ''
if not isAwaited or type(count) == 'table' then
  ${FOREIGN}
  local foreign = foreignAmong({'hash', 'string', 'zset', 'zset', 'zset'})
  if foreign then return foreign end
  if latest.err then return latest end
  if type(count) == 'table' then return count end
end

local number, stored, last = tonumber(sequence), tonumber(latest[1] or nil), latest[2]
if stored then
  if number < stored or (number == stored and writer ~= latest[3]) then return 'conflict' end
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
redis.call('HSET', index, 'sequence', sequence, 'entry', entry, 'writer', writer,
  'status', status, 'ttl', expires and ttl or '', 'summary', summary or '', sequence, entry)
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
elseif stored == number then
  if last ~= entry then redis.call('UNLINK', run .. last) end
else
  if number > stored + 1 then
    redis.call('HSET', index, '>' .. latest[1], sequence, '<' .. sequence, latest[1])
  end
  if deadline and latest[4] ~= ttl then
    local left = redis.call('PTTL', run .. last)
    if left == -1 or left > tonumber(ttl) then redis.call('PEXPIREAT', run .. last, deadline) end
  end
  if number % 8 == 0 then
    local oldest = redis.call('HGET', index, 'oldest')
    for _ = 1, 16 do
      local found = redis.call('HMGET', index, oldest, '>' .. oldest)
      if not found[1] or redis.call('EXISTS', run .. found[1]) == 1 then break end
      local following = found[2] or string.format('%.0f', oldest + 1)
      redis.call('HDEL', index, oldest, '>' .. oldest, '<' .. following)
      oldest = following
    end
    redis.call('HSET', index, 'oldest', oldest)
  end
end
return 'saved'
`);

/**
 * Reads the latest checkpoint. Keys: index. Answers its text, or where there is none the
 * run's standing, which is `known` if the checkpoint alone is gone.
 */
export const LATEST = makeScript(`
local entry = redis.call('HGET', KEYS[1], 'entry')
local text = entry and redis.call('GET', string.sub(KEYS[1], 1, -1 - #'index') .. entry)
if text then return text end
${STANDING}
return standing(KEYS[1])
`);

/**
 * Reads some checkpoints, newest first. Keys: index. Arguments: the sequence to begin with
 * or `""`, how many, how many bytes end a page. Answers the run's standing, the sequence
 * to go on with or `""`, then the texts; of one that expired there is none.
 */
export const HISTORY = makeScript(`
${STANDING}
local index, at, size = KEYS[1], ARGV[1], 0
local page = {standing(index), ''}
local ends = redis.call('HMGET', index, 'sequence', 'oldest')
if not ends[1] then return page end
if at == '' then at = ends[1] end
local run = string.sub(index, 1, -1 - #'index')
while tonumber(at) >= tonumber(ends[2]) do
  if #page - 2 >= tonumber(ARGV[2]) or size >= tonumber(ARGV[3]) then
    page[2] = at
    break
  end
  local found = redis.call('HMGET', index, at, '<' .. at)
  local text = redis.call('GET', run .. found[1])
  page[#page + 1] = text
  if text then size = size + #text end
  at = found[2] or string.format('%.0f', at - 1)
end
return page
`);

/**
 * Tells runs, the one saved last first. Keys: runs. Arguments: the highest and the lowest
 * score as ZREVRANGEBYSCORE takes them, how many to skip, how many to look at, the wanted status or
 * `""`. Answers how many were looked at, the first and the last one's score, then for each run of
 * interest its member, score, and either its summary, its latest checkpoint where it has none
 * apart, or its standing.
 */
export const LIST = makeScript(`
${STANDING}
local highest, lowest, skipped, most, wanted = unpack(ARGV)
local members = redis.call('ZREVRANGEBYSCORE', KEYS[1], highest, lowest, 'WITHSCORES',
  'LIMIT', skipped, most)
local page = {tostring(#members / 2), members[2] or '', members[#members] or ''}
local pipeline = string.sub(KEYS[1], 1, -1 - #'runs')
for i = 1, #members, 2 do
  local run = pipeline .. members[i] .. ':'
  local found = redis.call('HMGET', run .. 'index', 'status', 'summary', 'entry')
  if not found[1] or wanted == '' or found[1] == wanted then
    page[#page + 1] = members[i]
    page[#page + 1] = members[i + 1]
    page[#page + 1] = found[2] ~= '' and found[2]
      or found[3] and redis.call('GET', run .. found[3])
      or standing(run .. 'index')
  end
end
return page
`);

/**
 * Removes runs from the sorted sets that are gone and were not saved since. Keys: runs, expiring.
 * Arguments: each member and the score that it had.
 */
export const FORGET = makeScript(`
local pipeline = string.sub(KEYS[1], 1, -1 - #'runs')
for i = 1, #ARGV, 2 do
  local score = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if score and tonumber(score) == tonumber(ARGV[i + 1])
      and redis.call('EXISTS', pipeline .. ARGV[i] .. ':index') == 0 then
    redis.call('ZREM', KEYS[1], ARGV[i])
    redis.call('ZREM', KEYS[2], ARGV[i])
  end
end
return 'forgotten'
`);

/**
 * Removes a run, from the oldest checkpoint on: until the last call, what is left is a run. Keys:
 * index, runs, expiring, and the runs of the Python framework. Arguments: the run's member there and
 * here, how many checkpoints at a time. Answers `more` as long as there is more, then what the run's standing
 * was.
 */
export const DELETE = makeScript(`
${STANDING}
local index, runs, expiring, rawRuns = unpack(KEYS)
local run, was = string.sub(index, 1, -1 - #'index'), standing(index)
local ends = redis.call('HMGET', index, 'sequence', 'oldest')
local at = ends[2]
for left = tonumber(ARGV[3]), 0, -1 do
  if not at then break end
  if left == 0 then
    redis.call('HSET', index, 'oldest', at)
    return 'more'
  end
  local found = redis.call('HMGET', index, at, '>' .. at)
  redis.call('UNLINK', run .. found[1])
  at = at ~= ends[1] and (found[2] or string.format('%.0f', at + 1))
end
redis.call('UNLINK', index)
redis.call('ZREM', rawRuns, ARGV[1])
redis.call('ZREM', runs, ARGV[2])
redis.call('ZREM', expiring, ARGV[2])
return was
`);
