/**
 * The scripts for what the Firefly agentic framework in Python left behind.
 *
 * @module
 */

import { FOREIGN } from "./redis_lua_helpers.ts";
import { makeScript } from "./redis_script.ts";

/**
 * One step of a search. Keys: what the keys begin with, without the colon. Arguments: the cursor, a
 * pattern for the rest, how many keys to look at. Answers the next cursor and what follows the
 * colon in the keys found.
 */
export const SEARCH = makeScript(`
local pattern = string.gsub(KEYS[1], '[%*%?%[%]%^%-\\\\]', '\\\\%0') .. ':' .. ARGV[2]
local found = redis.call('SCAN', ARGV[1], 'MATCH', pattern, 'COUNT', ARGV[3], 'TYPE', 'string')
local page = {found[1]}
for _, key in ipairs(found[2]) do page[#page + 1] = string.sub(key, #KEYS[1] + 2) end
return page
`);

/** Reads texts. Keys: theirs. */
export const READ = makeScript(`return redis.call('MGET', unpack(KEYS))`);

/** Removes old records, unless their run was begun anew since. Keys: index, then theirs. */
export const REMOVE = makeScript(`
if redis.call('EXISTS', KEYS[1]) == 1 then return 'changed' end
redis.call('UNLINK', unpack(KEYS, 2))
return 'removed'
`);

/** Tells a run's score. Keys: runs. Arguments: member. */
export const SCORE = makeScript(`return redis.call('ZSCORE', KEYS[1], ARGV[1])`);

/**
 * Makes a run of ours of old records. Keys: index, runs, expiring, the runs of the Python framework,
 * then for every record, newest first, where it is and where it belongs. Arguments: member, its raw
 * name, time to live in milliseconds or `""`, the latest one's status, its summary, then sequence
 * and entry of every record. Older records get no longer to live than new ones have.
 */
export const ADOPT = makeScript(`
${FOREIGN}
local foreign = foreignAmong(KEYS, {'hash', 'zset', 'zset', 'zset'})
if foreign then return foreign end
local index, runs, expiring, rawRuns, newest = unpack(KEYS, 1, 5)
local member, rawMember, ttl, status, summary = unpack(ARGV, 1, 5)
if redis.call('EXISTS', index) == 1 or redis.call('EXISTS', newest) == 0 then return 'changed' end

local following
for i = 5, #KEYS, 2 do
  local from, to, sequence, entry = KEYS[i], KEYS[i + 1], ARGV[i + 1], ARGV[i + 2]
  if redis.call('EXISTS', from) == 1 then
    if from ~= to then redis.call('RENAME', from, to) end
    redis.call('HSET', index, sequence, entry, 'oldest', sequence)
    if following then
      redis.call('HSET', index, '>' .. sequence, following, '<' .. following, sequence)
      local left = redis.call('PTTL', to)
      if ttl ~= '' and (left == -1 or left > tonumber(ttl)) then redis.call('PEXPIRE', to, ttl) end
    end
    following = sequence
  end
end
local latest = table.concat({ARGV[6], ARGV[6], status, '-', '""', ARGV[7]}, ' ')
redis.call('HSET', index, 'latest', latest, 'summary', summary, 'changed', '')
local clock = redis.call('TIME')
local time = clock[1] + clock[2] / 1000000
local left = redis.call('PTTL', KEYS[6])
if left >= 0 then
  local deadline = string.format('%.0f', time * 1000 + left)
  redis.call('PEXPIREAT', KEYS[6], deadline)
  redis.call('PEXPIREAT', index, deadline)
  redis.call('ZADD', expiring, deadline / 1000, member)
end
local score = redis.call('ZSCORE', rawRuns, rawMember) or time
redis.call('ZREM', rawRuns, rawMember)
redis.call('ZADD', runs, score, member)
return 'adopted'
`);
