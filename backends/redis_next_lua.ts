/**
 * The scripts that save upon what this process saved last: they compare one text, and write. All
 * that they need not ask for, they are told. Where the text is another one, or something cannot be
 * written, they answer {@linkcode CHANGED} and leave it to the script that saves anything to tell why.
 *
 * What can be refused comes first, and is no harm where what follows it is: the run's place among
 * the others. When memory is full, nothing is refused after a first write.
 *
 * Every step of every run waits for them, so they are written for speed: what is quick in Lua is not
 * always what is short. An index gets its time to live after all that is put into it, as in SAVE.
 *
 * @module
 */

import { DEADLINE, NOW } from "./redis_lua_helpers.ts";
import { makeSharedScript } from "./redis_together.ts";

/** What the scripts answer where they saved, or had saved before and that answer was lost. */
export const SAVED = 1;
/** What they answer where they saved nothing. */
const CHANGED = 0;

/**
 * Saves a whole checkpoint.
 *
 * Keys: index, checkpoint, runs. Arguments: the latest checkpoint as it is known, and as it is now;
 * the text, its time to live in milliseconds or `""`, the run's member, then fields of the index and
 * their values, one at least.
 */
export const NEXT = makeSharedScript(`
local call, pcall = redis.call, redis.pcall
local index, checkpoint, known, latest, ttl = KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[4]
local found = pcall('HGET', index, 'latest')
if found ~= known then
  return found == latest and pcall('GET', checkpoint) == ARGV[3] and ${SAVED} or ${CHANGED}
end
local clock = call('TIME')
if type(pcall('ZADD', KEYS[3], ${NOW}, ARGV[5])) ~= 'number' then return ${CHANGED} end
${DEADLINE}
call('HSET', index, 'latest', latest, ARGV[6], ARGV[7], unpack(ARGV, 8))
if deadline then
  call('SET', checkpoint, ARGV[3], 'PXAT', deadline)
  call('PEXPIREAT', index, deadline)
else
  call('SET', checkpoint, ARGV[3])
  call('PERSIST', index)
end
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
export const CHANGE = makeSharedScript(`
local call, pcall = redis.call, redis.pcall
local index, whole, changes, known, latest = KEYS[1], KEYS[2], KEYS[4], ARGV[1], ARGV[2]
local ttl = ARGV[4]
local found = pcall('HGET', index, 'latest')
if found ~= known then
  return found == latest and pcall('LINDEX', changes, -1) == ARGV[3] and ${SAVED} or ${CHANGED}
end
local clock = call('TIME')
local placed = pcall('ZADD', KEYS[3], ${NOW}, ARGV[5])
local pushed = type(placed) == 'number' and pcall('RPUSH', changes, ARGV[3])
if type(pushed) ~= 'number' then return ${CHANGED} end
${DEADLINE}
local isThere = deadline and call('PEXPIREAT', whole, deadline) or call('EXISTS', whole)
if isThere == 0 or pushed ~= tonumber(ARGV[6]) then
  call('RPOP', changes)
  return ${CHANGED}
end
call('HSET', index, 'latest', latest, unpack(ARGV, 7))
if deadline then
  call('PEXPIREAT', changes, deadline)
  call('PEXPIREAT', index, deadline)
else
  for _, key in ipairs({whole, changes, index}) do call('PERSIST', key) end
end
return ${SAVED}
`);
