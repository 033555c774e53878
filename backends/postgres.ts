/**
 * Keeps runs in one Postgres table.
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
import { summarize } from "../pipeline/record.ts";
import { refuseBelow, requireOne } from "./options.ts";
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
import { isPassing, PostgresError, reasonOf, sqlStateOf } from "./postgres_error.ts";
import { keyOf } from "./postgres_names.ts";
import { makePool, type Pool } from "./postgres_pool.ts";
import { fromRow, toRow } from "./postgres_row.ts";
import {
  checkTableName,
  COLUMNS,
  columnsSql,
  createSql,
  deleteSql,
  historySql,
  latestSql,
  listSql,
  NULL_REFUSED,
  postgresSchema,
  type RunKey,
  saveSql,
} from "./postgres_sql.ts";
import { parseUrl } from "./postgres_url.ts";
import { answered, retrying } from "./retry.ts";

export { PostgresError, postgresSchema };
export type { DenoClient, DenoPool, NodeClient, PostgresClient, PostgresJsClient };

/** Checkpoints that `history` reads at a time. */
const HISTORY_PAGE = 100;

/** Options of a {@linkcode PostgresCheckpointer}: where to connect, or a client. */
export type PostgresCheckpointerOptions =
  & {
    /** The table; letters, digits and `_`. Default `firefly_checkpoints`. */
    readonly tableName?: string;
    /**
     * How long a call is tried again, in milliseconds, while connections are lost or the server
     * restarts. Default 15,000.
     */
    readonly retryForMs?: number;
    /**
     * How long a statement may take, in milliseconds; after that its connection counts as lost.
     * Default 30,000.
     */
    readonly timeoutMs?: number;
  }
  & (
    | {
      /** `postgresql://user:password@host:5432/database?sslmode=require` */
      readonly url: string | URL;
      /** Connections at a time. Default 3. */
      readonly poolSize?: number;
      readonly client?: undefined;
    }
    | {
      /** A client of the caller's, which is never closed here. */
      readonly client: PostgresClient;
      readonly url?: undefined;
      readonly poolSize?: undefined;
    }
  );

/**
 * Keeps runs in a table, which is made on first use. Every save is one round trip and one commit,
 * every load one round trip, as plain statements without parameters or session state, so that it
 * works behind a pooler in transaction mode.
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
  readonly #run: RunSql;
  readonly #pool: Pool | undefined;
  readonly #tableName: string;
  readonly #retryForMs: number;
  #isDisposed = false;
  #table: Promise<void> | undefined;

  /**
   * Takes where to connect, or a client; nothing is opened yet.
   *
   * @throws {TypeError} If there is neither or both of `url` and `client`, or one is not usable.
   * @throws {RangeError} If `poolSize` `retryForMs` or `timeoutMs` is out of its range.
   */
  constructor(options: PostgresCheckpointerOptions) {
    const { url, client, tableName = "firefly_checkpoints" } = options;
    const { poolSize = 3, retryForMs = 15_000, timeoutMs = 30_000 } = options;
    requireOne("PostgresCheckpointer", options);
    checkTableName(tableName);
    refuseBelow(1, poolSize, "poolSize");
    refuseBelow(0, retryForMs, "retryForMs");
    refuseBelow(1, timeoutMs, "timeoutMs");
    this.#tableName = tableName;
    this.#retryForMs = retryForMs;
    this.#pool = url === undefined ? undefined : makePool(parseUrl(url), poolSize, timeoutMs);
    this.#run = this.#pool?.run ?? runnerWithin(timeoutMs, client);
  }

  /**
   * Stores one checkpoint.
   *
   * @throws {CheckpointConflictError} If another writer saved this sequence, or a later one is
   * stored.
   * @throws {PostgresError} If Postgres refused it or could not be reached.
   */
  async save(record: CheckpointRecord): Promise<void> {
    const sql = saveSql(this.#tableName, await toRow(record));
    let rows: readonly Row[];
    try {
      rows = await this.#query("save a checkpoint", sql);
    } catch (cause) {
      if (!(cause instanceof PostgresError) || cause.code !== NULL_REFUSED) throw cause;
      throw new CheckpointConflictError(record, { cause });
    }
    if (rows.length === 0) throw new CheckpointConflictError(record);
  }

  /** Yields the checkpoint with the highest sequence. */
  async loadLatest(pipelineName: string, runId: string): Promise<CheckpointRecord | undefined> {
    const key = await runKey(pipelineName, runId);
    const [row] = await this.#query("load a run", latestSql(this.#tableName, key));
    return row && fromRow(row);
  }

  /** Yields the runs of one pipeline, the one saved last first. */
  async *listRuns(
    pipelineName: string,
    { status, limit = Infinity }: ListRunsOptions = {},
  ): AsyncIterable<RunSummary> {
    const sql = listSql(this.#tableName, await keyOf(pipelineName), { status, limit });
    for (const row of await this.#query("list runs", sql)) yield summarize(fromRow(row));
  }

  /** Yields every checkpoint of a run, newest first, some at a time. */
  async *history(pipelineName: string, runId: string): AsyncIterable<CheckpointRecord> {
    const key = await runKey(pipelineName, runId);
    let below = Infinity;
    for (;;) {
      const sql = historySql(this.#tableName, key, below, HISTORY_PAGE);
      const records = (await this.#query("read a history", sql)).map(fromRow);
      yield* records;
      const last = records.at(-1);
      if (last === undefined || records.length < HISTORY_PAGE) return;
      below = last.sequence;
    }
  }

  /** Removes all that is stored of a run. */
  async deleteRun(pipelineName: string, runId: string): Promise<void> {
    const key = await runKey(pipelineName, runId);
    await this.#query("delete a run", deleteSql(this.#tableName, key));
  }

  /** Closes the connections that were opened here, when what they are doing is done. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    await this.#pool?.close();
  }

  async #query(what: string, sql: string): Promise<readonly Row[]> {
    if (this.#isDisposed) {
      throw new TypeError(`Cannot ${what}: this PostgresCheckpointer was disposed of`);
    }
    try {
      await this.#ensureTable();
      return await retrying(this.#retryForMs, isPassing, () => this.#run(sql));
    } catch (cause) {
      if (cause instanceof PostgresError || cause instanceof TypeError) throw cause;
      throw new PostgresError(`Cannot ${what} in table ${this.#tableName}: ${reasonOf(cause)}`, {
        cause,
      });
    }
  }

  /** Once for each instance; what failed is tried again by the next call. */
  async #ensureTable(): Promise<void> {
    this.#table ??= this.#prepareTable();
    try {
      await this.#table;
    } catch (error) {
      this.#table = undefined;
      throw error;
    }
  }

  async #prepareTable(): Promise<void> {
    const rows = await retrying(
      this.#retryForMs,
      isPassing,
      () => this.#run(columnsSql(this.#tableName)),
    );
    const types = new Map(rows.map(({ name, type }) => [String(name), String(type)]));
    const isMissing = [...COLUMNS.keys()].some((column) => !types.has(column));
    for (const [column, type] of COLUMNS) {
      const found = types.get(column) ?? type;
      if (found !== type) {
        throw new TypeError(
          `Cannot use table ${this.#tableName}: its column ${column} is of type ${found}, not ` +
            `${type}; choose another tableName`,
        );
      }
    }
    if (isMissing) await this.#createTable();
  }

  async #createTable(): Promise<void> {
    try {
      await retrying(this.#retryForMs, isPassing, () => this.#run(createSql(this.#tableName)));
    } catch (cause) {
      // 42501 is insufficient_privilege.
      const advice = sqlStateOf(cause) === "42501"
        ? `; have somebody who may run this:\n\n${postgresSchema(this.#tableName)}`
        : "";
      throw new PostgresError(
        `Cannot make table ${this.#tableName}: ${reasonOf(cause)}${advice}`,
        { cause },
      );
    }
  }
}

function runnerWithin(timeoutMs: number, client: unknown): RunSql {
  const run = runnerFor(client);
  return (text) => answered(run(text), timeoutMs);
}

async function runKey(pipelineName: string, runId: string): Promise<RunKey> {
  const [pipeline, run] = await Promise.all([keyOf(pipelineName), keyOf(runId)]);
  return { pipeline, run };
}
