/**
 * What several scripts have in common. Functions stand where they are needed, and not before: making
 * one takes time at every call.
 *
 * @module
 */

/**
 * The time that `clock` holds as TIME tells it: in seconds, as scores are. Of its parts as text, since
 * to make text of a number takes the server as long as a whole command.
 */
export const NOW = `clock[1] .. string.sub('.000000', 1, 7 - #clock[2]) .. clock[2]`;

/**
 * Makes `deadline` of a `clock` and a `ttl` in milliseconds: when what is saved expires, in
 * milliseconds as text, never before its time; `nil` for never. In two parts: `%.0f` takes the server
 * as long as a whole command, and `%d` may have no more than 32 bits.
 */
export const DEADLINE = `
local deadline
if ttl ~= '' then
  local expiry = clock[1] * 1000 + math.ceil(clock[2] / 1000) + ttl
  deadline = string.format('%d%03d', expiry / 1000, expiry % 1000)
end`;

/**
 * Whether there is a run: `known`, `expired`, or `unknown` where only a search can tell. A run that
 * may expire waits among the expiring ones until somebody meets it there and finds it gone.
 */
export const STANDING = `
local function standing(index)
  if redis.call('EXISTS', index) == 1 then return 'known' end
  local pipeline, member = string.match(index, '^(.*:)([^:]*):index$')
  return redis.call('ZSCORE', pipeline .. 'expiring', member) and 'expired' or 'unknown'
end`;

/** Whether a script told a run's standing, not a record of it. */
export function isStanding(told: string): boolean {
  return told === "known" || told === "expired" || told === "unknown";
}

/** An error about the first key that holds something else than it should; `nil` if there is none. */
export const FOREIGN = `
local function foreignAmong(keys, types)
  for i = 1, math.min(#keys, #types) do
    local found, wanted = redis.call('TYPE', keys[i]).ok, types[i]
    if found ~= wanted and found ~= 'none' then
      local which = keys[i] .. ' holds a ' .. found .. ', not a ' .. wanted
      return redis.error_reply('WRONGTYPE ' .. which)
    end
  end
end`;
