/**
 * Keeps runs in Redis.
 *
 * @module
 */

import type { CheckpointChange, CheckpointRecord } from "../pipeline/checkpoint_record.ts";
import type {
  Checkpointer,
  ListRunsOptions,
  LoadedRecord,
  RunSummary,
} from "../pipeline/checkpointer.ts";
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
import { RedisError } from "./redis_error.ts";
import { makePlaces, placeOfPipeline, type PlaceOfRun, type RunPlace } from "./redis_keys.ts";
import { writerText } from "./redis_latest.ts";
import { listRuns } from "./redis_listing.ts";
import { TOUCH } from "./redis_lua.ts";
import { oldRecordsOf, removeUnknown } from "./redis_old_records.ts";
import {
  checkKeyPrefix,
  millisecondsOf,
  type RedisCheckpointerOptions,
  THIRTY_DAYS,
} from "./redis_options.ts";
import { patientRuns, type RunFor } from "./redis_patience.ts";
import { HISTORY, LATEST } from "./redis_read_lua.ts";
import { historyOf, latestOf, toldLatest } from "./redis_records.ts";
import { DELETE, TRIM } from "./redis_remove_lua.ts";
import { makeSaver } from "./redis_saver.ts";
import { type RunScript, runScript, textOf, textsOf } from "./redis_script.ts";
import { type RunShared, together } from "./redis_together.ts";
import { parseUrl } from "./redis_url.ts";
import { makeWatch } from "./retry.ts";
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

const SAVING = "save a checkpoint";

/** Whole checkpoints that `history` reads at a time, and how many bytes are enough. */
const HISTORY_PAGE = ["100", "4000000"];

/** Whole checkpoints that are removed at a time. */
const REMOVE_PAGE = "1000";

/**
 * For how long a deletion is remembered, in milliseconds: until a worker has heard of it; and where
 * the run was completed, until everybody has who loaded it before.
 */
const DELETED_FOR = ["3600000", "60000"];

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
  readonly #placeOf: PlaceOfRun;
  /** In milliseconds, as the scripts take it. */
  readonly #ttl: string;
  readonly #run: RunFor;
  readonly #save: RunScript;
  readonly #saveShared: RunShared;
  readonly #saver = makeSaver();
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
    this.#placeOf = makePlaces(keyPrefix);
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
    this.#run = patientRuns({ send: this.#send, retryForMs, isOver: () => this.#isDisposed });
    const isAlone = () => this.#underWay.count() === 1;
    this.#save = (script, keys, args) => this.#run(SAVING, script, keys, args);
    this.#saveShared = together(this.#save, isAlone);
  }

  /**
   * Stores one checkpoint: whole, or as a change where that is much less.
   *
   * @throws {CheckpointConflictError} If another writer saved this sequence, a later one is stored,
   * or what is changed is not the latest.
   * @throws {RedisError} If Redis refused it or could not be reached.
   */
  save(record: CheckpointRecord, change?: CheckpointChange): Promise<void> {
    return this.#during(SAVING, () => {
      const place = this.#placeOf(record.pipelineName, record.runId);
      return place instanceof Promise
        ? place.then((found) => this.#saveAt(found, record, change))
        : this.#saveAt(place, record, change);
    });
  }

  #saveAt(
    place: RunPlace,
    record: CheckpointRecord,
    change: CheckpointChange | undefined,
  ): Promise<void> {
    const saving = { run: this.#save, runShared: this.#saveShared, place, ttl: this.#ttl };
    return this.#saver.save(saving, record, change);
  }

  /**
   * Yields the checkpoint with the highest sequence.
   *
   * @throws {RedisError} If what is stored of it is damaged or gone before its time, or Redis could
   * not be reached.
   */
  async loadLatest(pipelineName: string, runId: string): Promise<LoadedRecord | undefined> {
    return await this.#call("load a run", async (run) => {
      const place = await this.#placeOf(pipelineName, runId);
      const { index, runs, member } = place.keys;
      const told = toldLatest(await run(LATEST, [index, runs], [member]));
      if (told.whole !== undefined) {
        const record = latestOf(told, whereOf(place));
        if (record === undefined) throw lostError(place);
        return record;
      }
      if (told.sequence === "known") throw lostError(place);
      if (told.sequence === "expired") return undefined;
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
    const tryOnce: RunScript = (...call) =>
      this.#underWay.during(() => runScript(this.#send, ...call));
    const place = await placeOfPipeline(this.#keyPrefix, pipelineName);
    yield* listRuns({ run, tryOnce }, place, { status, limit });
  }

  /** Yields every checkpoint of a run, newest first, some at a time. */
  async *history(pipelineName: string, runId: string): AsyncIterable<CheckpointRecord> {
    const run = this.#calling("read a history");
    const place = await this.#placeOf(pipelineName, runId);
    let at = "";
    do {
      const args = [at, ...HISTORY_PAGE];
      const [standing, next = "", ...told] = textsOf(await run(HISTORY, [place.keys.index], args));
      if (at === "" && standing === "unknown") {
        for await (const { record } of oldRecordsOf(run, place)) yield record;
      }
      for (let chain = 0; chain < told.length; chain += 2) {
        const [whole = "", changes = ""] = told.slice(chain, chain + 2);
        yield* historyOf(whole, changes, whereOf(place));
      }
      at = next;
    } while (at !== "");
  }

  /** Removes all that is stored of a run. */
  async deleteRun(pipelineName: string, runId: string): Promise<void> {
    await this.#call("delete a run", async (run) => {
      const place = await this.#placeOf(pipelineName, runId);
      const { keys: { index, runs, expiring, member }, raw } = place;
      this.#saver.forget(index);
      const keys = [index, runs, expiring, raw.runs] as const;
      let answer: string | undefined;
      do {
        answer = textOf(await run(DELETE, keys, [raw.member, member, REMOVE_PAGE, ...DELETED_FOR]));
      } while (answer === "more");
      if (answer === "unknown") await removeUnknown(run, place);
    });
  }

  /** Notes that a run's worker is alive, if its latest checkpoint is still this writer's. */
  async touch(pipelineName: string, runId: string, writer: string): Promise<boolean> {
    return await this.#call("touch a run", async (run) => {
      const { keys: { index } } = await this.#placeOf(pipelineName, runId);
      return textOf(await run(TOUCH, [index], [writerText(writer)])) === "touched";
    });
  }

  /**
   * Removes checkpoints of a run below a sequence, some at a time; what the others need stays. Knows
   * only of runs that were saved from here.
   */
  async trim(pipelineName: string, runId: string, below: number): Promise<number> {
    return await this.#call("trim a run", async (run) => {
      const { keys: { index } } = await this.#placeOf(pipelineName, runId);
      const least = String(Math.min(below, Number.MAX_SAFE_INTEGER));
      return Number(textOf(await run(TRIM, [index], [least, REMOVE_PAGE])));
    });
  }

  /** Closes the connection that was opened here, when what it is doing is done. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    await this.#underWay.ended();
    await this.#own?.close();
  }

  /** Does the work of one call. */
  #call<T>(what: string, work: (run: RunScript) => Promise<T>): Promise<T> {
    const run: RunScript = (script, keys, args) => this.#run(what, script, keys, args);
    return this.#during(what, () => work(run));
  }

  /** Does what disposing waits for. */
  #during<T>(what: string, work: () => Promise<T>): Promise<T> {
    if (!this.#isDisposed) return this.#underWay.during(work);
    const message = `Cannot ${what}: this RedisCheckpointer was disposed of`;
    return Promise.reject(new TypeError(message));
  }

  /** Runs each script as a call of its own: a caller may leave off after any of them. */
  #calling(what: string): RunScript {
    return (...call) => this.#call(what, (run) => run(...call));
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
