/**
 * The scripts that write. Each is one round trip and happens as a whole or not at all. What they
 * answer is text and lists of it, which every driver gives back alike.
 *
 * Keys that a script makes by itself begin with one that it was given: so they lie in the same slot
 * of a cluster, and under a prefix that a client adds by itself.
 *
 * @module
 */

import { PARTS } from "./redis_latest.ts";
import { DEADLINE, FOREIGN, NOW, STANDING } from "./redis_lua_helpers.ts";
import { makeScript } from "./redis_script.ts";

/**
 * Saves a whole checkpoint, whatever there is of its run.
 *
 * Keys: index, checkpoint, runs, and where they differ from ours, the runs of the Python framework.
 * Arguments: sequence, writer, status, time to live in milliseconds or `""`, text, the writer of the
 * checkpoint that is changed or `""` for none, summary or `""`, `"anew"` where the run is known to be
 * new or `""`, the run's raw id, and what else a list tells or `""`. Answers `saved`, `conflict`, or
 * `unknown` where an older store has to be searched first.
 *
 * What is changed may be gone when the server restarted and forgot some or all of what it was told:
 * then the run goes on. Not so where it was deleted, or begun anew by somebody else since.
 *
 * What can be refused comes first: a SET, when memory is full (after a first write nothing is), then
 * the place among the runs, for which the SET is taken back. What is older than the latest checkpoint
 * gets no longer to live than the latest has. The index gets its time at the end: where that has come
 * already, the index is gone at once, and what was put into it after that would stay for ever. Nobody knows a checkpoint in the place of another one:
 * who saved the first one knows nothing of the second.
 *
 * What is no matter of this checkpoint is left to some saves: the end of expired runs to the first
 * one of a run, that of expired checkpoints to every eighth and to those that end a chain. Each does
 * more than comes up meanwhile.
 */
export const SAVE = makeScript(`
local call, pcall = redis.call, redis.pcall
local index, checkpoint, runs, rawRuns = unpack(KEYS)
local sequence, writer, status, ttl, text, upon, summary, anew, rawMember, told = unpack(ARGV)
local latest, expiring = pcall('HGET', index, 'latest'), nil
local stored, base, _, hadTtl, hadWriter, last
if type(latest) == 'string' then
  stored, base, _, hadTtl, hadWriter, last = string.match(latest, ${PARTS})
end
local isAwaited = stored and hadTtl ~= '-'
if not isAwaited then
  ${FOREIGN}
  expiring = string.sub(runs, 1, -1 - #'runs') .. 'expiring'
  local foreign = foreignAmong({index, checkpoint, runs, expiring, rawRuns},
    {'hash', 'string', 'zset', 'zset', 'zset'})
  if foreign then return foreign end
  if type(latest) == 'table' then return latest end
end

local number, had = tonumber(sequence), tonumber(stored)
local member = string.sub(index, #runs - #'runs' + 1, -1 - #':index')
if had then
  local isOwn = number == had and writer == hadWriter
  local isNext = number > had and (writer == hadWriter or upon == hadWriter or upon == '')
  if not isOwn and not isNext then return 'conflict' end
elseif upon ~= '' and call('EXISTS', string.sub(index, 1, -1 - #'index') .. 'deleted') == 1 then
  return 'conflict'
elseif anew == '' and (number > 0 or call('ZSCORE', runs, member)
    or rawRuns and call('ZSCORE', rawRuns, rawMember)) then
  ${STANDING}
  if standing(index) == 'unknown' then return 'unknown' end
end

local clock = call('TIME')
${DEADLINE}
local expires = deadline and status ~= 'paused'
local written
if expires then written = pcall('SET', checkpoint, text, 'PXAT', deadline, 'GET')
else written = pcall('SET', checkpoint, text, 'GET') end
local failed = type(written) == 'table' and written
if not failed then
  local placed = pcall('ZADD', runs, ${NOW}, member)
  failed = type(placed) == 'table' and placed
  if failed and written then call('SET', checkpoint, written, 'KEEPTTL')
  elseif failed then call('UNLINK', checkpoint) end
end
if failed then
  ${FOREIGN}
  return foreignAmong(KEYS, {'hash', 'string', 'zset'}) or failed
end
local entry = string.sub(checkpoint, #index - #'index' + 1)
local saved = table.concat({sequence, sequence, status, expires and ttl or '-', writer, entry}, ' ') .. told
local isAnother = sequence == base and (written ~= text or string.find(latest, ' again$'))
if isAnother then saved = saved .. ' again' end
call('HSET', index, 'latest', saved, 'summary', summary, 'changed', '', 'heard', '0', sequence, entry)
if expires and not isAwaited then call('ZADD', expiring, deadline / 1000, member) end

local run = string.sub(index, 1, -1 - #'index')
if not had then
  call('HSET', index, 'oldest', sequence)
  local time, pipeline = clock[1] + clock[2] / 1000000, string.sub(runs, 1, -1 - #'runs')
  for _, due in ipairs(call('ZRANGEBYSCORE', expiring, '-inf', time, 'LIMIT', 0, 4)) do
    local left = call('PTTL', pipeline .. due .. ':index')
    if left >= 0 then call('ZADD', expiring, time + left / 1000, due)
    else call('ZREM', expiring, due) end
    if left == -2 then call('ZREM', runs, due) end
  end
elseif sequence == base then
  if last ~= entry then call('UNLINK', run .. last) end
else
  if had == number then call('RPOP', run .. 'changes:' .. base) end
  if number > base + 1 then
    call('HSET', index, '>' .. base, sequence, '<' .. sequence, base)
  end
  if deadline and hadTtl ~= ttl then
    for _, key in ipairs({run .. last, run .. 'changes:' .. base}) do
      local left = call('PTTL', key)
      if left == -1 or left > tonumber(ttl) then call('PEXPIREAT', key, deadline) end
    end
  end
  if number % 8 == 0 or stored ~= base then
    local oldest = call('HGET', index, 'oldest')
    for _ = 1, 256 do
      local found = call('HMGET', index, oldest, '>' .. oldest)
      if not found[1] or call('EXISTS', run .. found[1]) == 1 then break end
      local following = found[2] or string.format('%.0f', oldest + 1)
      call('UNLINK', run .. 'changes:' .. oldest)
      call('HDEL', index, oldest, '+' .. oldest, '>' .. oldest, '<' .. following)
      oldest = following
    end
    call('HSET', index, 'oldest', oldest)
  end
end
if expires then call('PEXPIREAT', index, deadline) else call('PERSIST', index) end
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
local latest = redis.call('HGET', index, 'latest')
local run = string.sub(index, 1, -1 - #'index')
if not latest then
  return redis.call('EXISTS', run .. 'deleted') == 1 and 'lost' or 'touched'
end
local _, base, _, ttl, writer, entry = string.match(latest, ${PARTS})
if writer ~= ARGV[1] then return 'lost' end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + clock[2] / 1000
redis.call('HSET', index, 'heard', string.format('%.0f', now))
if ttl ~= '-' then
  local deadline = string.format('%.0f', now + ttl)
  for _, key in ipairs({index, run .. entry, run .. 'changes:' .. base}) do
    redis.call('PEXPIREAT', key, deadline)
  end
end
return 'touched'
`);
