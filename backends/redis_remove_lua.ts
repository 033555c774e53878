/**
 * The scripts that remove.
 *
 * @module
 */

import { PARTS } from "./redis_latest.ts";
import { STANDING } from "./redis_lua_helpers.ts";
import { makeScript } from "./redis_script.ts";

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
 * here, how many whole checkpoints at a time, and for how many milliseconds it is to be remembered
 * that the run was deleted: a worker may be at it, and if it is completed, somebody may yet believe
 * that it is not. Answers `more` as long as there is more, then what the run's standing was.
 */
export const DELETE = makeScript(`
${STANDING}
local index, runs, expiring, rawRuns = unpack(KEYS)
local run, was = string.sub(index, 1, -1 - #'index'), standing(index)
local latest, at = unpack(redis.call('HMGET', index, 'latest', 'oldest'))
local _, base, status = string.match(latest or '', ${PARTS})
for left = tonumber(ARGV[3]), 0, -1 do
  if not at then break end
  if left == 0 then
    redis.call('HSET', index, 'oldest', at)
    return 'more'
  end
  local found = redis.call('HMGET', index, at, '>' .. at)
  redis.call('UNLINK', run .. (found[1] or ''), run .. 'changes:' .. at)
  at = at ~= base and (found[2] or string.format('%.0f', at + 1))
end
redis.call('UNLINK', index)
if status then
  redis.call('SET', run .. 'deleted', '', 'PX', status == 'completed' and ARGV[5] or ARGV[4])
end
redis.call('ZREM', rawRuns, ARGV[1])
redis.call('ZREM', runs, ARGV[2])
redis.call('ZREM', expiring, ARGV[2])
return was
`);

/**
 * Removes checkpoints below a sequence, oldest first: each whole one with its changes, as long as all
 * of them are below. The newest whole one stays. Keys: index. Arguments: the sequence, how many whole
 * ones at a time. Answers how many checkpoints it removed.
 */
export const TRIM = makeScript(`
local index, below, removed = KEYS[1], tonumber(ARGV[1]), 0
local run = string.sub(index, 1, -1 - #'index')
local latest, at = unpack(redis.call('HMGET', index, 'latest', 'oldest'))
local _, base = string.match(latest or '', ${PARTS})
for _ = 1, tonumber(ARGV[2]) do
  if not at or at == base then break end
  local found = redis.call('HMGET', index, at, '>' .. at, '+' .. at)
  local following = found[2] or string.format('%.0f', at + 1)
  local changes, last, count = run .. 'changes:' .. at, at, 1
  if found[3] then
    local text = redis.call('LINDEX', changes, -1) or ''
    last = string.match(text, '^{"sequence":(%d+)') or at
    count = count + redis.call('LLEN', changes)
  end
  if tonumber(last) >= below then break end
  redis.call('UNLINK', run .. (found[1] or ''), changes)
  redis.call('HDEL', index, at, '+' .. at, '>' .. at, '<' .. following)
  at, removed = following, removed + count
end
if removed > 0 then redis.call('HSET', index, 'oldest', at) end
return tostring(removed)
`);
