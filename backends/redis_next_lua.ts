/**
 * The scripts that save upon what this process saved last: they compare one text, and write. All
 * that they need not ask for, they are told. Where the text is another one, or something cannot be
 * written, they answer {@linkcode CHANGED} and leave it to the script that saves anything to tell why.
 *
 * What can be refused comes first, and is no harm where what follows it is: the run's place among
 * the others. When memory is full, nothing is refused after a first write.
 *
 * Every step of every run waits for them, so they are written for speed: what is quick in Lua is not
 * always what is short.
 *
 * @module
 */

import { makeScript } from "./redis_script.ts";

/** What the scripts answer where they saved, or had saved before and that answer was lost. */
export const SAVED = 1;
/** What they answer where they saved nothing. */
export const CHANGED = 0;

/** Has them give the run its time to live anew. */
export const RENEWS = "1";

/** The time as a score, in seconds. */
const NOW = `clock[1] .. string.sub('.000000', 1, 7 - #clock[2]) .. clock[2]`;

/**
 * Saves a whole checkpoint.
 *
 * Keys: index, checkpoint, runs. Arguments: the latest checkpoint as it is known, and as it is now;
 * the text, its time to live in milliseconds or `""`, the run's member, {@linkcode RENEWS} or `""`,
 * then fields of the index and their values, one at least.
 *
 * The index never outlives the checkpoint: whoever finds it finds what it tells of.
 */
export const NEXT = makeScript(`
local call, pcall = redis.call, redis.pcall
local index, checkpoint, known, latest, ttl = KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[4]
local found = pcall('HGET', index, 'latest')
if found ~= known then
  return found == latest and pcall('GET', checkpoint) == ARGV[3] and ${SAVED} or ${CHANGED}
end
local clock = call('TIME')
if type(pcall('ZADD', KEYS[3], ${NOW}, ARGV[5])) ~= 'number' then return ${CHANGED} end
if ARGV[6] == '${RENEWS}' then
  if ttl ~= '' then call('PEXPIRE', index, ttl) else call('PERSIST', index) end
end
if ttl ~= '' then call('SET', checkpoint, ARGV[3], 'PX', ttl)
else call('SET', checkpoint, ARGV[3]) end
call('HSET', index, 'latest', latest, ARGV[7], ARGV[8], unpack(ARGV, 9))
return ${SAVED}
`);

/**
 * Saves a checkpoint as a change of the one before it.
 *
 * Keys: index, the whole checkpoint that the chain begins with, runs, the changes. Arguments: those of
 * {@linkcode NEXT}, and before the fields how many changes there are with this one. Nothing is saved
 * either if part of the chain is gone.
 *
 * All that the latest checkpoint needs gets the same time to live.
 */
export const CHANGE = makeScript(`
local call, pcall = redis.call, redis.pcall
local index, whole, changes, known, latest = KEYS[1], KEYS[2], KEYS[4], ARGV[1], ARGV[2]
local found = pcall('HGET', index, 'latest')
if found ~= known then
  return found == latest and pcall('LINDEX', changes, -1) == ARGV[3] and ${SAVED} or ${CHANGED}
end
local clock = call('TIME')
local placed = pcall('ZADD', KEYS[3], ${NOW}, ARGV[5])
local pushed = type(placed) == 'number' and pcall('RPUSH', changes, ARGV[3])
if type(pushed) ~= 'number' then return ${CHANGED} end
if pushed ~= tonumber(ARGV[7]) or call('EXISTS', whole) == 0 then
  call('RPOP', changes)
  return ${CHANGED}
end
if ARGV[6] == '${RENEWS}' then
  local ttl = ARGV[4]
  local deadline = ttl ~= '' and string.format('%.0f', clock[1] * 1000 + clock[2] / 1000 + ttl)
  for _, key in ipairs({index, whole, changes}) do
    if deadline then call('PEXPIREAT', key, deadline) else call('PERSIST', key) end
  end
end
call('HSET', index, 'latest', latest, unpack(ARGV, 8))
return ${SAVED}
`);
