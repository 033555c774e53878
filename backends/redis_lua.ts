/**
 * The scripts. Each is one round trip and happens as a whole or not at all. What they answer is
 * text and lists of it, which every driver gives back alike.
 *
 * Keys that a script makes by itself begin with one that it was given: so they lie in the same slot
 * of a cluster, and under a prefix that a client adds by itself.
 *
 * @module
 */

import { makeScript } from "./redis_script.ts";

/**
 * Saves a checkpoint.
 *
 * Keys: head, index, checkpoint, runs, expiring, and the runs of the Python framework. Arguments:
 * sequence, entry, writer, member, the member's raw name, status, summary, text, time to live in
 * milliseconds or `""`, `"paused"` or `""`, `"anew"` where the run is known to be new or `""`.
 * Answers `saved`, `conflict`, or `unknown` where an older store has to be searched first.
 *
 * Everything is checked before the first write, and that is a SET: it is refused when memory is
 * full, and after a first write nothing is. What is older than the latest checkpoint gets no longer
 * to live than the latest has.
 */
export const SAVE = makeScript(`
local head, index, checkpoint, runs, expiring, rawRuns = unpack(KEYS)
local sequence, entry, writer, member, rawMember, status, summary, text, ttl, paused, anew =
  unpack(ARGV)
local time = now()
local latest = redis.pcall('HMGET', head, 'sequence', 'entry', 'writer', 'status', 'ttl')
local oldest = redis.pcall('ZRANGE', index, 0, 1)
local due = redis.pcall('ZRANGEBYSCORE', expiring, '-inf', time, 'LIMIT', 0, 2)
local count = redis.pcall('ZCARD', runs)
local kind = redis.call('TYPE', checkpoint).ok
local failed = latest.err and latest or oldest.err and oldest or due.err and due
  or type(count) == 'table' and count
if failed or kind ~= 'none' and kind ~= 'string' then
  return foreignAmong({'hash', 'zset', 'string', 'zset', 'zset'}) or failed
end

local number, stored, last = tonumber(sequence), tonumber(latest[1] or nil), latest[2]
if stored then
  if number < stored or (number == stored and writer ~= latest[3]) then return 'conflict' end
elseif anew == '' and (number > 0 or redis.call('ZSCORE', runs, member)
    or redis.call('ZSCORE', rawRuns, rawMember)) then
  if standing(head, expiring, member) == 'unknown' then return 'unknown' end
end

local deadline = ttl ~= '' and string.format('%.0f', time * 1000 + ttl)
local expires = deadline and paused == ''
local run = before(head, 'head')
if expires then redis.call('SET', checkpoint, text, 'PXAT', deadline)
else redis.call('SET', checkpoint, text) end
redis.call('HSET', head, 'sequence', sequence, 'entry', entry, 'writer', writer,
  'status', status, 'ttl', expires and ttl or '', 'summary', summary)
redis.call('ZADD', index, sequence, entry)
redis.call('ZADD', runs, time, member)
if expires then
  redis.call('PEXPIREAT', head, deadline)
  redis.call('PEXPIREAT', index, deadline)
  redis.call('ZADD', expiring, deadline / 1000, member)
else
  redis.call('PERSIST', head)
  redis.call('PERSIST', index)
  redis.call('ZREM', expiring, member)
end

if last and last ~= entry then
  if stored == number then
    redis.call('UNLINK', run .. last)
    redis.call('ZREM', index, last)
  elseif deadline and latest[5] ~= ttl then
    local left = redis.call('PTTL', run .. last)
    if left == -1 or left > tonumber(ttl) then redis.call('PEXPIREAT', run .. last, deadline) end
  end
end
-- No save adds more than one checkpoint or run, so two at a time cannot fall behind.
if oldest[1] and redis.call('EXISTS', run .. oldest[1], run .. (oldest[2] or oldest[1])) < 2 then
  for _, old in ipairs(oldest) do
    if redis.call('EXISTS', run .. old) == 0 then redis.call('ZREM', index, old) end
  end
end
local pipeline = before(runs, 'runs')
for _, over in ipairs(due) do
  if over ~= member then
    redis.call('ZREM', expiring, over)
    if redis.call('EXISTS', pipeline .. over .. ':head') == 0 then redis.call('ZREM', runs, over) end
  end
end
return 'saved'
`);

/**
 * Reads the latest checkpoint. Keys: head, expiring. Arguments: member. Answers the run's standing
 * and the checkpoint's text; no text where the run is known but its checkpoint is gone.
 */
export const LATEST = makeScript(`
local entry = redis.call('HGET', KEYS[1], 'entry')
if entry then return {'known', redis.call('GET', before(KEYS[1], 'head') .. entry)} end
return {standing(KEYS[1], KEYS[2], ARGV[1])}
`);

/**
 * Reads some checkpoints, newest first. Keys: head, index, expiring. Arguments: member, the highest
 * sequence as ZREVRANGEBYSCORE takes it, how many, how many bytes end a page. Answers the run's
 * standing, then the entry and the text of each; an expired one has no text.
 */
export const HISTORY = makeScript(`
local page = {standing(KEYS[1], KEYS[3], ARGV[1])}
local run, size = before(KEYS[2], 'index'), 0
for _, entry in ipairs(redis.call('ZREVRANGEBYSCORE', KEYS[2], ARGV[2], '-inf', 'LIMIT', 0, ARGV[3])) do
  local text = redis.call('GET', run .. entry)
  page[#page + 1] = entry
  page[#page + 1] = text
  if text then size = size + #text end
  if size > tonumber(ARGV[4]) then break end
end
return page
`);

/**
 * Tells runs, the one saved last first. Keys: runs, expiring. Arguments: the highest and the lowest
 * score as ZREVRANGEBYSCORE takes them, how many to skip, how many to look at, the wanted status or
 * `""`. Answers how many were looked at, the first and the last one's score, then for each run of interest its
 * member, score, and either its standing or, where it is known, its summary.
 */
export const LIST = makeScript(`
local highest, lowest, skipped, most, wanted = unpack(ARGV)
local members = redis.call('ZREVRANGEBYSCORE', KEYS[1], highest, lowest, 'WITHSCORES',
  'LIMIT', skipped, most)
local page = {tostring(#members / 2), members[2] or '', members[#members] or ''}
local pipeline = before(KEYS[1], 'runs')
for i = 1, #members, 2 do
  local head = pipeline .. members[i] .. ':head'
  local found = redis.call('HMGET', head, 'status', 'summary')
  if not found[1] or wanted == '' or found[1] == wanted then
    page[#page + 1] = members[i]
    page[#page + 1] = members[i + 1]
    page[#page + 1] = found[2] or standing(head, KEYS[2], members[i])
  end
end
return page
`);

/**
 * Removes runs from the sorted sets that are gone and were not saved since. Keys: runs, expiring.
 * Arguments: each member and the score that it had.
 */
export const FORGET = makeScript(`
local pipeline = before(KEYS[1], 'runs')
for i = 1, #ARGV, 2 do
  local score = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if score and tonumber(score) == tonumber(ARGV[i + 1])
      and redis.call('EXISTS', pipeline .. ARGV[i] .. ':head') == 0 then
    redis.call('ZREM', KEYS[1], ARGV[i])
    redis.call('ZREM', KEYS[2], ARGV[i])
  end
end
return 'forgotten'
`);

/**
 * Removes a run, from the oldest checkpoint on: until the last call, what is left is a run. Keys:
 * head, index, runs, expiring, and the runs of the Python framework. Arguments: member, its raw
 * name, how many checkpoints at a time. Answers `more` as
 * long as there is more, then what the run's standing was.
 */
export const DELETE = makeScript(`
local head, index, runs, expiring, rawRuns = unpack(KEYS)
local run, most = before(index, 'index'), tonumber(ARGV[3])
local last = redis.call('ZCARD', index) > most and most - 1 or -1
for _, entry in ipairs(redis.call('ZRANGE', index, 0, last)) do redis.call('UNLINK', run .. entry) end
if last >= 0 then
  redis.call('ZREMRANGEBYRANK', index, 0, last)
  return 'more'
end
local was = standing(head, expiring, ARGV[1])
redis.call('UNLINK', head, index)
redis.call('ZREM', runs, ARGV[1])
redis.call('ZREM', expiring, ARGV[1])
redis.call('ZREM', rawRuns, ARGV[2])
return was
`);
