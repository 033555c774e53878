/**
 * The scripts that save upon what this process saved last: they compare one text, and write. All
 * that they need not ask for, they are told. Where the text is another one, or something cannot be
 * written, they answer `changed` and leave it to the script that saves anything to tell why.
 *
 * What can be refused comes first, and is no harm where what follows it is: the run's place among
 * the others. When memory is full, nothing is refused after a first write.
 *
 * @module
 */

import { makeScript } from "./redis_script.ts";

/**
 * Saves a whole checkpoint.
 *
 * Keys: index, checkpoint, runs. Arguments: the latest checkpoint as it is known, and as it is now;
 * the text, its time to live in milliseconds or `""`, the run's member, then fields of the index and
 * their values. Answers `saved`, also if it was saved before and that answer was lost, or `changed`.
 */
export const NEXT = makeScript(`
local call, pcall = redis.call, redis.pcall
local index, checkpoint, runs = unpack(KEYS)
local known, latest, text, ttl, member = unpack(ARGV, 1, 5)
local found = pcall('HGET', index, 'latest')
if found ~= known then
  return found == latest and pcall('GET', checkpoint) == text and 'saved' or 'changed'
end
local clock = call('TIME')
local placed = pcall('ZADD', runs, string.format('%s.%06d', clock[1], clock[2]), member)
if type(placed) ~= 'number' then return 'changed' end
if ttl ~= '' then
  local deadline = string.format('%.0f', clock[1] * 1000 + clock[2] / 1000 + ttl)
  call('SET', checkpoint, text, 'PXAT', deadline)
  call('PEXPIREAT', index, deadline)
else
  call('SET', checkpoint, text)
  call('PERSIST', index)
end
call('HSET', index, 'latest', latest, unpack(ARGV, 6))
return 'saved'
`);

/**
 * Saves a checkpoint as a change of the one before it.
 *
 * Keys: index, the whole checkpoint that the chain begins with, runs, the changes. Arguments: those of
 * {@linkcode NEXT}, and before the fields how many changes there are with this one. Answers as that
 * does, and `changed` too if part of the chain is gone.
 *
 * All that the latest checkpoint needs gets the same time to live.
 */
export const CHANGE = makeScript(`
local call, pcall = redis.call, redis.pcall
local index, whole, runs, changes = unpack(KEYS)
local known, latest, text, ttl, member, count = unpack(ARGV, 1, 6)
local found = pcall('HGET', index, 'latest')
if found ~= known then
  return found == latest and pcall('LINDEX', changes, -1) == text and 'saved' or 'changed'
end
local clock = call('TIME')
local placed = pcall('ZADD', runs, string.format('%s.%06d', clock[1], clock[2]), member)
local pushed = type(placed) == 'number' and pcall('RPUSH', changes, text)
if type(pushed) ~= 'number' then return 'changed' end
local deadline = ttl ~= '' and string.format('%.0f', clock[1] * 1000 + clock[2] / 1000 + ttl)
local isThere = deadline and call('PEXPIREAT', whole, deadline) or call('EXISTS', whole)
if isThere == 0 or pushed ~= tonumber(count) then
  call('RPOP', changes)
  return 'changed'
end
if deadline then
  call('PEXPIREAT', changes, deadline)
  call('PEXPIREAT', index, deadline)
else
  for _, key in ipairs({whole, changes, index}) do call('PERSIST', key) end
end
call('HSET', index, 'latest', latest, unpack(ARGV, 7))
return 'saved'
`);
