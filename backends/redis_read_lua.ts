/**
 * The scripts that only read. What they tell of a checkpoint is the whole one that its chain begins
 * with, and the changes since.
 *
 * @module
 */

import { LISTED, PARTS } from "./redis_latest.ts";
import { NOW, STANDING } from "./redis_lua_helpers.ts";
import { makeScript } from "./redis_script.ts";

/**
 * Reads the latest checkpoint. Keys: index, runs. Arguments: the run's member. Answers its sequence, the
 * time in seconds since 1970, when its worker was heard of beside its saves (in milliseconds, `0` for
 * never, `""` where that is not known), the run's score, the whole checkpoint and a list of the
 * changes; or, where there is none, only the run's standing, which is `known` if the checkpoint alone
 * is gone. Putting the list into one text would take the server longer than all the rest.
 */
export const LATEST = makeScript(`
local index = KEYS[1]
local latest, heard = unpack(redis.call('HMGET', index, 'latest', 'heard'))
local run = string.sub(index, 1, -1 - #'index')
local sequence, base, _, _, _, entry = string.match(latest or '', ${PARTS})
local text = entry and redis.call('GET', run .. entry)
if not text then
  ${STANDING}
  return {standing(index)}
end
local clock, score = redis.call('TIME'), redis.pcall('ZSCORE', KEYS[2], ARGV[1])
local changes = sequence ~= base and redis.call('LRANGE', run .. 'changes:' .. base, 0, -1) or {}
return {sequence, ${NOW}, heard or '', type(score) == 'string' and score or '0', text, changes}
`);

/**
 * Reads some checkpoints, newest first. Keys: index. Arguments: the sequence of the whole
 * one to begin with or `""`, how many whole ones and how many bytes end a page. Answers the run's
 * standing, the sequence to go on with or `""`, then each whole checkpoint and its changes, separated by
 * commas; nothing of those whose whole one expired.
 */
export const HISTORY = makeScript(`
${STANDING}
local index, at, size = KEYS[1], ARGV[1], 0
local page = {standing(index), ''}
local latest, oldest = unpack(redis.call('HMGET', index, 'latest', 'oldest'))
if not latest then return page end
if at == '' then at = select(2, string.match(latest, ${PARTS})) end
local run = string.sub(index, 1, -1 - #'index')
for left = tonumber(ARGV[2]), 0, -1 do
  if tonumber(at) < tonumber(oldest) then break end
  if left == 0 or size >= tonumber(ARGV[3]) then
    page[2] = at
    break
  end
  local found = redis.call('HMGET', index, at, '<' .. at, '+' .. at)
  local text, changes = found[1] and redis.call('GET', run .. found[1]), ''
  if text then
    if found[3] then
      changes = table.concat(redis.call('LRANGE', run .. 'changes:' .. at, 0, -1), ',')
    end
    page[#page + 1] = text
    page[#page + 1] = changes
    size = size + #text + #changes
  end
  at = found[2] or string.format('%.0f', at - 1)
end
return page
`);

/**
 * Tells runs, the one saved last first. Keys: runs. Arguments: the highest and the lowest
 * score as ZREVRANGEBYSCORE takes them, how many to skip, how many to look at, the wanted status or
 * `""`. Answers how many were looked at, the first and the last one's score, the time in seconds
 * since 1970, then for each run of interest a list: its member, its score, when its worker was heard of
 * beside its saves (in milliseconds, `0` for never, `""` where that is not known), a text and a change
 * or `""`. The text is the summary of its latest checkpoint, or of the whole one that the change is to
 * be folded into; or that checkpoint itself where it has no summary; or the run's standing. Where what
 * the index says of the latest checkpoint is enough, that is the text, and there is no list but its
 * first four parts with spaces between them: drivers take as long for each part as for a run.
 */
export const LIST = makeScript(`
${STANDING}
local highest, lowest, skipped, most, wanted = unpack(ARGV)
local members = redis.call('ZREVRANGEBYSCORE', KEYS[1], highest, lowest, 'WITHSCORES',
  'LIMIT', skipped, most)
local clock = redis.call('TIME')
local page = {tostring(#members / 2), members[2] or '', members[#members] or '', ${NOW}}
local pipeline = string.sub(KEYS[1], 1, -1 - #'runs')
for i = 1, #members, 2 do
  local run = pipeline .. members[i] .. ':'
  local latest, heard = unpack(redis.call('HMGET', run .. 'index', 'latest', 'heard'))
  local sequence, base, status, entry, rest = string.match(latest or '', ${LISTED})
  if not status or wanted == '' or status == wanted then
    local text, change = nil, ''
    if rest and string.find(rest, ' ', 2, true) then
      local needed = {run .. entry, base ~= sequence and run .. 'changes:' .. base or nil}
      if redis.call('EXISTS', unpack(needed)) == #needed then text = latest end
    elseif entry then
      local summary, changed = unpack(redis.call('HMGET', run .. 'index', 'summary', 'changed'))
      text = summary
      if base ~= sequence then
        if changed ~= '' then text = changed
        else change = redis.call('LINDEX', run .. 'changes:' .. base, -1) end
      end
      if text == '' then text = redis.call('GET', run .. entry) end
    end
    if not change or not text then text, change = standing(run .. 'index'), '' end
    local parts = {members[i], members[i + 1], heard or '', text, change}
    page[#page + 1] = text == latest and table.concat(parts, ' ', 1, 4) or parts
  end
end
return page
`);
