/**
 * Keeps runs in one Postgres table.
 *
 * @module
 */

import type { CheckpointChange, CheckpointRecord } from "../pipeline/checkpoint_record.ts";
import {
  CheckpointConflictError,
  type Checkpointer,
  type ListRunsOptions,
  type LoadedRecord,
  type RunSummary,
} from "../pipeline/checkpointer.ts";
import type { StoredChange } from "../pipeline/stored_change.ts";
import { makeNewerRuns } from "../pipeline/newer_runs.ts";
import { refuseBelow, requireOne } from "./options.ts";
import { batching } from "./postgres_batch.ts";
import { makeChains } from "./postgres_chains.ts";
import {
  type DenoClient,
  type DenoPool,
  type NodeClient,
  type PostgresClient,
  type PostgresJsClient,
  type Row,
  runnerFor,
  type RunSql,
} from "./postgres_client.ts";
import { isPassing, PostgresError } from "./postgres_error.ts";
import { loadLatest, type LoadQueries } from "./postgres_load.ts";
import { leadingSql, LOAD } from "./postgres_load_sql.ts";
import { keyOf } from "./postgres_names.ts";
import type { PostgresCheckpointerOptions } from "./postgres_options.ts";
import { patientRuns, type RunFor } from "./postgres_patience.ts";
import { makePool, type Pool } from "./postgres_pool.ts";
import { plain, prepared } from "./postgres_prepared.ts";
import { sequenceOf, summaryOf, takeHistory } from "./postgres_records.ts";
import { changeDetails, type StoredRow, toChangeRow, toRow } from "./postgres_row.ts";
import {
  KEY_TAKEN,
  NULL_REFUSED,
  SAVE_ROW,
  saveAgainSql,
  saveManySql,
} from "./postgres_save_sql.ts";
import { checkTableName, postgresSchema } from "./postgres_schema.ts";
import {
  deleteAllSql,
  deleteSql,
  historySql,
  listSql,
  type RunKey,
  touchSql,
  trimSql,
} from "./postgres_sql.ts";
import { parseUrl } from "./postgres_url.ts";
import { makeWatch } from "./retry.ts";

export { PostgresError, postgresSchema };
export type {
  DenoClient,
  DenoPool,
  NodeClient,
  PostgresCheckpointerOptions,
  PostgresClient,
  PostgresJsClient,
};

/** Rows that `history` reads at a time. */
const HISTORY_PAGE = 100;

/** Rows that `trim` removes at a time. */
const TRIMMED_AT_ONCE = 1_000;

/** What a column of type `integer` can hold. */
const GREATEST_SEQUENCE = 2 ** 31 - 1;

/**
 * Rows are large beside what is in them, so that whole checkpoints have to be few; and each is work to
 * read, so that some changes stand for several.
 */
const CHAINS = {
  textOf: changeDetails,
  tellsTime: true,
  longest: 512,
  longestCovered: 1_024,
  wholePerChange: 125,
};

const SAVE = "save a checkpoint";

/**
 * Keeps runs in a table, which is made on first use. Every save is one round trip and one commit,
 * every load one round trip, and another one where the latest checkpoint is a change, until sessions
 * keep what a load asks: statements without parameters, none of which needs the session of another, so
 * that they also work behind a pooler in transaction mode. To have a session keep one of them, planned,
 * takes one more.
 *
 * With a URL it needs `@db/postgres` (`deno add jsr:@db/postgres`), `--allow-net=HOST:PORT`, and
 * `--allow-env` where parts of the URL are left to `PG*`. A client may be of `@db/postgres`,
 * node-postgres, postgres.js, Neon or PGlite.
 *
 * @example
 * ```ts no-eval
 * import { PostgresCheckpointer } from "@firefly/pipeline/postgres";
 *
 * await using checkpointer = new PostgresCheckpointer({ url: "postgresql://localhost/runs" });
 * ```
 */
export class PostgresCheckpointer implements Checkpointer, AsyncDisposable {
  readonly #run: RunFor;
  readonly #pool: Pool | undefined;
  readonly #tableName: string;
  readonly #chains = makeChains(CHAINS);
  readonly #saveRow: (row: StoredRow) => Promise<void>;
  readonly #loads: LoadQueries;
  #isDisposed = false;

  /**
   * Takes where to connect, or a client; nothing is opened yet.
   *
   * @throws {TypeError} If there is neither or both of `url` and `client`, or one is not usable.
   * @throws {RangeError} If `poolSize` `retryForMs` or `timeoutMs` is out of its range.
   */
  constructor(options: PostgresCheckpointerOptions) {
    const { url, client, tableName = "firefly_checkpoints" } = options;
    const { poolSize = 3, retryForMs = 15_000, timeoutMs = 30_000, prepare = true } = options;
    requireOne("PostgresCheckpointer", options);
    checkTableName(tableName);
    refuseBelow(1, poolSize, "poolSize");
    refuseBelow(0, retryForMs, "retryForMs");
    refuseBelow(1, timeoutMs, "timeoutMs");
    this.#tableName = tableName;
    this.#pool = url === undefined ? undefined : makePool(parseUrl(url), poolSize, timeoutMs);
    const run = this.#pool?.run ?? runnerWithin(timeoutMs, client);
    this.#run = patientRuns({ run, tableName, retryForMs });
    const ask = prepare ? prepared : plain;
    const save = (sql: string) => this.#query(SAVE, sql);
    this.#saveRow = batching(poolSize, {
      one: ask(save, tableName, SAVE_ROW),
      many: this.#saveMany,
    });
    const load = (sql: string) => this.#query("load a run", sql);
    this.#loads = {
      latest: ask(load, tableName, LOAD),
      leading: (key, change) => load(leadingSql(tableName, key, change)),
    };
  }

  /**
   * Stores one checkpoint: whole, or as a change where that is much less. Saves of different runs
   * that wait for a connection share one statement.
   *
   * @throws {CheckpointConflictError} If another writer saved this sequence, a later one is stored,
   * or what is changed is not the latest.
   * @throws {PostgresError} If Postgres refused it or could not be reached.
   */
  async save(record: CheckpointRecord, change?: CheckpointChange): Promise<void> {
    const planned = this.#chains.plan(record, change);
    if (planned !== undefined) {
      try {
        await this.#saveRow(await toChangeRow(record, planned));
        return this.#chains.savedChange(record, planned);
      } catch (cause) {
        // What it changes is not there, or not the latest: the whole record tells why.
        this.#chains.forget(record);
        if (!hasCode(cause, NULL_REFUSED) && !hasCode(cause, KEY_TAKEN)) throw cause;
      }
    }
    const row = await toRow(record, change);
    try {
      await this.#saveRow(row);
    } catch (cause) {
      if (hasCode(cause, NULL_REFUSED)) throw new CheckpointConflictError(record, { cause });
      if (!hasCode(cause, KEY_TAKEN)) throw cause;
      await this.#saveAgain(record, row);
    }
    this.#chains.savedWhole(
      record,
      row.state.length + row.completedNodes.length + row.details.length,
    );
  }

  /** Only its own writer may save a sequence again: after an answer that was lost, say. */
  async #saveAgain(record: CheckpointRecord, row: StoredRow): Promise<void> {
    const saved = await this.#query(SAVE, saveAgainSql(this.#tableName, row));
    if (saved.length === 0) throw new CheckpointConflictError(record);
  }

  readonly #saveMany = async (rows: readonly StoredRow[]): Promise<readonly StoredRow[]> => {
    try {
      const saved = await this.#query(SAVE, saveManySql(this.#tableName, rows));
      const runs = new Set(saved.map((row) => `${row.pipeline_name}\0${row.run_id}`));
      return rows.filter(({ pipeline, run }) => runs.has(`${pipeline}\0${run}`));
    } catch (cause) {
      // One row spoils it for the others, unless the server is away.
      if (cause instanceof PostgresError && !isPassing(cause.cause)) return [];
      throw cause;
    }
  };

  /** Yields the checkpoint with the highest sequence. */
  async loadLatest(pipelineName: string, runId: string): Promise<LoadedRecord | undefined> {
    return await loadLatest(this.#loads, await runKey(pipelineName, runId));
  }

  /** Yields the runs of one pipeline, the one saved last first. */
  async *listRuns(
    pipelineName: string,
    { status, limit = Infinity }: ListRunsOptions = {},
  ): AsyncIterable<RunSummary> {
    const sql = listSql(this.#tableName, await keyOf(pipelineName), { status, limit });
    const newer = makeNewerRuns();
    for (const row of await this.#query("list runs", sql)) {
      const summary = await newer.passOver(() => summaryOf(pipelineName, row));
      if (summary !== undefined) yield summary;
    }
    newer.tell();
  }

  /** Yields every checkpoint of a run, newest first, some at a time. */
  async *history(pipelineName: string, runId: string): AsyncIterable<CheckpointRecord> {
    const key = await runKey(pipelineName, runId);
    const changes: StoredChange[] = [];
    let below = Infinity;
    for (;;) {
      const sql = historySql(this.#tableName, key, below, HISTORY_PAGE);
      const rows = await this.#query("read a history", sql);
      for (const records of takeHistory(rows, changes)) yield* records;
      const last = rows.at(-1);
      if (last === undefined || rows.length < HISTORY_PAGE) return;
      below = sequenceOf(last);
    }
  }

  /** Removes all that is stored of a run, also what is saved of it meanwhile. */
  async deleteRun(pipelineName: string, runId: string): Promise<void> {
    const key = await runKey(pipelineName, runId);
    this.#chains.forget({ pipelineName, runId });
    await this.#query("delete a run", deleteAllSql(this.#tableName, key));
    const sql = deleteSql(this.#tableName, key);
    // Where a transaction sees nothing that is newer than itself, something may be left.
    while ((await this.#query("delete a run", sql)).length > 0);
  }

  /** Notes that a run's worker is alive, if its latest checkpoint is still this writer's. */
  async touch(pipelineName: string, runId: string, writer: string): Promise<boolean> {
    const [key, writerKey] = await Promise.all([runKey(pipelineName, runId), keyOf(writer)]);
    const rows = await this.#query("touch a run", touchSql(this.#tableName, key, writerKey));
    return rows.length > 0;
  }

  /** Removes up to 1,000 checkpoints of a run below a sequence that the others do not need. */
  async trim(pipelineName: string, runId: string, below: number): Promise<number> {
    const key = await runKey(pipelineName, runId);
    const least = Math.min(below, GREATEST_SEQUENCE);
    const sql = trimSql(this.#tableName, key, least, TRIMMED_AT_ONCE);
    return (await this.#query("trim a run", sql)).length;
  }

  /** Closes the connections that were opened here, when what they are doing is done. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    await this.#pool?.close();
  }

  #query(what: string, sql: string): Promise<readonly Row[]> {
    if (!this.#isDisposed) return this.#run(what, sql);
    const message = `Cannot ${what}: this PostgresCheckpointer was disposed of`;
    return Promise.reject(new TypeError(message));
  }
}

function runnerWithin(timeoutMs: number, client: unknown): RunSql {
  const run = runnerFor(client);
  const answered = makeWatch(timeoutMs);
  return (text) => answered(run(text));
}

async function runKey(pipelineName: string, runId: string): Promise<RunKey> {
  const [pipeline, run] = await Promise.all([keyOf(pipelineName), keyOf(runId)]);
  return { pipeline, run };
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof PostgresError && error.code === code;
}
