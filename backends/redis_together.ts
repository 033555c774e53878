/**
 * Calls of a script that are made while others are under way, and so travel together: as one call of
 * a script that does for several what the other does for one. It costs the client and the server one
 * command; each call has an answer of its own. A call that finds none under way goes alone, at once.
 *
 * @module
 */

import { isPassing, RedisError } from "./redis_error.ts";
import { type Keys, listOf, makeScript, type RunScript, type Script } from "./redis_script.ts";

/** A script that may be called for several at once. */
export interface SharedScript extends Script {
  /** Does for each of several calls what the script does for one, and answers a list of answers. */
  readonly several: Script;
}

/** Makes a script that may be called for several at once, and again after one of those calls failed. */
export function makeSharedScript(text: string): SharedScript {
  const alone = makeScript(text);
  const several = makeScript(`
local function one(KEYS, ARGV)
${text}
end
local answers, key, at = {}, 0, 1
while at < #ARGV do
  local keys, args = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  answers[#answers + 1] = one({unpack(KEYS, key + 1, key + keys)},
    {unpack(ARGV, at + 2, at + 1 + args)})
  key, at = key + keys, at + 2 + args
end
return answers
`);
  return Object.assign(alone, { several });
}

/** Calls of one round trip at the most: with more, client and server would wait for each other. */
const MOST_CALLS = 8;

/** Characters of one round trip at the most; a single call may be longer. */
const MOST_LENGTH = 100_000;

interface Waiting {
  readonly keys: Keys;
  readonly args: readonly string[];
  readonly answer: PromiseWithResolvers<unknown>;
}

/**
 * Runs a script that may be called for several at once. What one is refused for is not the end of the
 * others; a server that is away is.
 */
export type RunShared = (
  script: SharedScript,
  keys: Keys,
  args: readonly string[],
) => Promise<unknown>;

/**
 * Runs scripts, some of which travel together.
 *
 * @param isAlone Whether nothing else is under way.
 */
export function together(run: RunScript, isAlone: () => boolean): RunShared {
  const waiting = new Map<SharedScript, Waiting[]>();

  const sendAll = () => {
    const all = [...waiting];
    waiting.clear();
    for (const [script, calls] of all) {
      for (const batch of batchesOf(calls)) void sendBatch(run, script, batch);
    }
  };

  return (script, keys, args) => {
    if (isAlone()) return run(script, keys, args);
    const answer = Promise.withResolvers<unknown>();
    const calls = waiting.get(script);
    if (calls === undefined) waiting.set(script, [{ keys, args, answer }]);
    else calls.push({ keys, args, answer });
    // Whoever was answered in this turn has then asked for what comes next.
    if (calls === undefined && waiting.size === 1) queueMicrotask(sendAll);
    return answer.promise;
  };
}

function* batchesOf(calls: readonly Waiting[]): Iterable<readonly Waiting[]> {
  let batch: Waiting[] = [];
  let length = 0;
  for (const call of calls) {
    const added = call.args.reduce((sum, arg) => sum + arg.length, 0);
    if (batch.length === MOST_CALLS || (batch.length > 0 && length + added > MOST_LENGTH)) {
      yield batch;
      [batch, length] = [[], 0];
    }
    batch.push(call);
    length += added;
  }
  yield batch;
}

/** Sends a batch and settles its answers; never throws. */
async function sendBatch(
  run: RunScript,
  script: SharedScript,
  batch: readonly Waiting[],
): Promise<void> {
  try {
    const answers = await answersOf(run, script, batch);
    for (const [index, { answer }] of batch.entries()) answer.resolve(answers[index]);
  } catch (error) {
    const isOneRefused = batch.length > 1 && isRefused(error);
    for (const { keys, args, answer } of batch) {
      if (isOneRefused) run(script, keys, args).then(answer.resolve, answer.reject);
      else answer.reject(error);
    }
  }
}

/** Whether Redis answered that it does not do it, now or later. */
function isRefused(error: unknown): boolean {
  return error instanceof RedisError && error.code !== undefined && !isPassing(error.cause);
}

async function answersOf(
  run: RunScript,
  script: SharedScript,
  [first, ...others]: readonly Waiting[],
): Promise<readonly unknown[]> {
  if (first === undefined) return [];
  if (others.length === 0) return [await run(script, first.keys, first.args)];
  const keys: Keys = [...first.keys, ...others.flatMap((call) => call.keys)];
  const args = [first, ...others].flatMap((call) => [
    String(call.keys.length),
    String(call.args.length),
    ...call.args,
  ]);
  const answers = listOf(await run(script.several, keys, args));
  if (answers.length === 1 + others.length) return answers;
  throw new TypeError("Cannot read what the Redis client answered: it is not as many answers");
}
