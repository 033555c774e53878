/**
 * Keeps runs in Redis.
 *
 * @module
 */

import {
  CheckpointConflictError,
  type Checkpointer,
  type CheckpointRecord,
  type ListRunsOptions,
  type RunSummary,
} from "../pipeline/checkpointer.ts";
import { recordFromText, recordToText } from "../pipeline/record.ts";
import { refuseBelow, requireOne } from "./options.ts";
import {
  connectionOf,
  type DenoRedis,
  type IoRedis,
  type NodeRedis,
  type NodeRedisCluster,
  type RedisClient,
  type SendCommand,
} from "./redis_client.ts";
import { type OwnConnection, ownConnection } from "./redis_connection.ts";
import { isPassing, reasonOf, RedisError } from "./redis_error.ts";
import { placeOfPipeline, placeOfRun, type RunPlace } from "./redis_keys.ts";
import { listRuns } from "./redis_listing.ts";
import { DELETE, HISTORY, LATEST, SAVE } from "./redis_lua.ts";
import { isStanding } from "./redis_lua_helpers.ts";
import { encodeName, entryOf } from "./redis_names.ts";
import { adopt, oldRecordsOf, removeUnknown } from "./redis_old_records.ts";
import {
  checkKeyPrefix,
  millisecondsOf,
  type RedisCheckpointerOptions,
  THIRTY_DAYS,
} from "./redis_options.ts";
import { type RunScript, runScript, textOf, textsOf } from "./redis_script.ts";
import { summaryOf } from "./redis_summary.ts";
import { parseUrl } from "./redis_url.ts";
import { makeWatch, retrying } from "./retry.ts";
import { makeUnderWay } from "./under_way.ts";

export { RedisError };
export type {
  DenoRedis,
  IoRedis,
  NodeRedis,
  NodeRedisCluster,
  RedisCheckpointerOptions,
  RedisClient,
};

/** Checkpoints that `history` reads at a time, and how many bytes are enough. */
const HISTORY_PAGE = ["100", "4000000"];

/** Checkpoints that are deleted at a time. */
const DELETE_PAGE = "1000";

/**
 * Keeps runs in Redis 6.2 or newer, Valkey, or what speaks as they do. Every save and every load of
 * the latest checkpoint is one round trip, and happens as a whole or not at all.
 *
 * With a URL it needs `@db/redis` (`deno add jsr:@db/redis`) and `--allow-net=HOST:PORT`. A client
 * may be of `@db/redis`, ioredis or node-redis.
 *
 * @example
 * ```ts no-eval
 * import { RedisCheckpointer } from "@firefly/pipeline/redis";
 *
 * await using checkpointer = new RedisCheckpointer({ url: "redis://localhost:6379/0" });
 * ```
 */
export class RedisCheckpointer implements Checkpointer, AsyncDisposable {
  readonly #send: SendCommand;
  readonly #own: OwnConnection | undefined;
  readonly #keyPrefix: string;
  /** In milliseconds, as the scripts take it. */
  readonly #ttl: string;
  readonly #retryForMs: number;
  readonly #underWay = makeUnderWay();
  #isDisposed = false;

  /**
   * Takes where to connect, or a client; nothing is opened yet.
   *
   * @throws {TypeError} If there is neither or both of `url` and `client`, one is not usable,
   * `ttlSeconds` is no positive number, or `keyPrefix` has no hash tag where the client is a
   * cluster's.
   * @throws {RangeError} If `retryForMs` or `timeoutMs` is out of its range.
   */
  constructor(options: RedisCheckpointerOptions) {
    const { url, client, keyPrefix = "firefly:ckpt", ttlSeconds = THIRTY_DAYS } = options;
    const { retryForMs = 15_000, timeoutMs = 30_000 } = options;
    requireOne("RedisCheckpointer", options);
    refuseBelow(0, retryForMs, "retryForMs");
    refuseBelow(1, timeoutMs, "timeoutMs");
    this.#ttl = millisecondsOf(ttlSeconds);
    this.#keyPrefix = keyPrefix;
    this.#retryForMs = retryForMs;
    if (url === undefined) {
      const { send, isCluster } = connectionOf(client);
      checkKeyPrefix(keyPrefix, isCluster);
      const answered = makeWatch(timeoutMs);
      this.#send = (words, key) => answered(send(words, key));
    } else {
      checkKeyPrefix(keyPrefix, false);
      this.#own = ownConnection(parseUrl(url), timeoutMs);
      this.#send = this.#own.send;
    }
  }

  /**
   * Stores one checkpoint.
   *
   * @throws {CheckpointConflictError} If another writer saved this sequence, or a later one is
   * stored.
   * @throws {RedisError} If Redis refused it or could not be reached.
   */
  async save(record: CheckpointRecord): Promise<void> {
    await this.#call("save a checkpoint", async (run) => {
      const place = await placeOfRun(this.#keyPrefix, record.pipelineName, record.runId);
      let answer = await this.#save(run, place, record, "");
      if (answer === "unknown") {
        await adopt(run, place, this.#ttl);
        answer = await this.#save(run, place, record, "anew");
      }
      if (answer !== "saved") throw new CheckpointConflictError(record);
    });
  }

  /** Yields the checkpoint with the highest sequence. */
  async loadLatest(pipelineName: string, runId: string): Promise<CheckpointRecord | undefined> {
    return await this.#call("load a run", async (run) => {
      const place = await placeOfRun(this.#keyPrefix, pipelineName, runId);
      const told = textOf(await run(LATEST, [place.keys.index], [])) ?? "unknown";
      if (!isStanding(told)) return recordFromText(told, whereOf(place), "");
      if (told === "known") throw lostError(place);
      if (told === "expired") return undefined;
      for await (const { record } of oldRecordsOf(run, place)) return record;
      return undefined;
    });
  }

  /** Yields the runs of one pipeline, the one saved last first, some at a time. */
  async *listRuns(
    pipelineName: string,
    { status, limit = Infinity }: ListRunsOptions = {},
  ): AsyncIterable<RunSummary> {
    const run = this.#calling("list runs");
    const tryOnce: RunScript = (...call) => this.#underWay.add(runScript(this.#send, ...call));
    const place = await placeOfPipeline(this.#keyPrefix, pipelineName);
    yield* listRuns({ run, tryOnce }, place, { status, limit });
  }

  /** Yields every checkpoint of a run, newest first, some at a time. */
  async *history(pipelineName: string, runId: string): AsyncIterable<CheckpointRecord> {
    const run = this.#calling("read a history");
    const place = await placeOfRun(this.#keyPrefix, pipelineName, runId);
    let at = "";
    do {
      const args = [at, ...HISTORY_PAGE];
      const [standing, next = "", ...texts] = textsOf(await run(HISTORY, [place.keys.index], args));
      if (at === "" && standing === "unknown") {
        for await (const { record } of oldRecordsOf(run, place)) yield record;
      }
      for (const text of texts) {
        if (text !== undefined) yield recordFromText(text, whereOf(place), "");
      }
      at = next;
    } while (at !== "");
  }

  /** Removes all that is stored of a run. */
  async deleteRun(pipelineName: string, runId: string): Promise<void> {
    await this.#call("delete a run", async (run) => {
      const place = await placeOfRun(this.#keyPrefix, pipelineName, runId);
      const { keys: { index, runs, expiring, member }, raw } = place;
      const keys = [index, runs, expiring, raw.runs] as const;
      let answer: string | undefined;
      do {
        answer = textOf(await run(DELETE, keys, [raw.member, member, DELETE_PAGE]));
      } while (answer === "more");
      if (answer === "unknown") await removeUnknown(run, place);
    });
  }

  /** Closes the connection that was opened here, when what it is doing is done. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    await this.#underWay.ended();
    await this.#own?.close();
  }

  async #save(
    run: RunScript,
    { keys, raw }: RunPlace,
    record: CheckpointRecord,
    anew: "anew" | "",
  ): Promise<string | undefined> {
    const node = encodeName(record.nodeId);
    const entry = entryOf(record.sequence, typeof node === "string" ? node : await node);
    const { index, runs, expiring } = keys;
    const text = recordToText(record);
    const args = [
      String(record.sequence),
      // As JSON, in which a lone surrogate differs from what stands for all of them.
      JSON.stringify(record.writer),
      record.status,
      this.#ttl,
      text,
    ];
    const summary = summaryOf(record, text);
    const isPlain = keys.run === raw.run;
    if (summary !== "" || anew !== "" || !isPlain) args.push(summary, anew, raw.member);
    const answer = await run(
      SAVE,
      [index, `${keys.run}:${entry}`, runs, expiring, ...isPlain ? [] : [raw.runs]],
      args,
    );
    return textOf(answer);
  }

  /** Does the work of one call, which disposing waits for. */
  async #call<T>(what: string, work: (run: RunScript) => Promise<T>): Promise<T> {
    if (this.#isDisposed) {
      throw new TypeError(`Cannot ${what}: this RedisCheckpointer was disposed of`);
    }
    return await this.#underWay.add(work((...call) => this.#run(what, ...call)));
  }

  /** Runs each script as a call of its own: a caller may leave off after any of them. */
  #calling(what: string): RunScript {
    return (...call) => this.#call(what, (run) => run(...call));
  }

  /** Runs a script, again after failures that pass; what fails for good says what was wanted. */
  async #run(what: string, ...call: Parameters<RunScript>): Promise<unknown> {
    try {
      return await retrying(
        this.#retryForMs,
        (error) => !this.#isDisposed && isPassing(error),
        () => runScript(this.#send, ...call),
      );
    } catch (cause) {
      if (cause instanceof RedisError || cause instanceof TypeError) throw cause;
      throw new RedisError(`Cannot ${what} in Redis: ${reasonOf(cause)}`, { cause });
    }
  }
}

function lostError(place: RunPlace): RedisError {
  return new RedisError(
    `Cannot load ${whereOf(place)}: its latest checkpoint is gone, though it had not expired; ` +
      "set maxmemory-policy to noeviction, and look for who deletes keys",
  );
}

function whereOf({ pipelineName, runId }: RunPlace): string {
  return `run "${runId}" of pipeline "${pipelineName}" in Redis`;
}
