/**
 * Keeps runs as files: `<root>/<pipeline>/<run>/<sequence>_<node>.json`, readable by anyone.
 *
 * @module
 */

import { dirname, fromFileUrl, join } from "@std/path";
import { type Chain, makeChainRule } from "../pipeline/chain.ts";
import type { CheckpointChange, CheckpointRecord } from "../pipeline/checkpoint_record.ts";
import {
  CheckpointConflictError,
  type Checkpointer,
  type ListRunsOptions,
  type LoadedRecord,
  RecordVersionError,
  type RunSummary,
} from "../pipeline/checkpointer.ts";
import { recordToText } from "../pipeline/record.ts";
import { writerMark } from "../pipeline/stored_change.ts";
import { clockOf, dropLease, dropLeaseOf, idleMsOf, noteAlive } from "./file_lease.ts";
import { historyIn, latestIn, summaryIn } from "./file_load.ts";
import { childOf, encodeName, nameOf, rawName } from "./file_names.ts";
import { dropDraft, type PublishedHead, saveIn, type Upon } from "./file_save.ts";
import { trimIn } from "./file_trim.ts";
import { makeNewerRuns } from "../pipeline/newer_runs.ts";
import { markOf, newestIn, type RunFolder, statusOf } from "./file_stored.ts";
import {
  exists,
  listFolders,
  makeTurns,
  reasonOf,
  removeFolder,
  syncFolder,
} from "./file_system.ts";

/** A file that should be a checkpoint and is none; it was passed over. */
export interface FileWarning {
  /** The file. */
  readonly path: string;
  /** What is wrong with it, and what was done. */
  readonly message: string;
  /** What reading it threw. */
  readonly cause: unknown;
}

/**
 * Every change is a file of its own, which who loads has to open: so there are fewer of them. Each
 * tells its time, as people read it, and lists without the chain.
 */
const CHAINS = makeChainRule({
  tellsTime: true,
  mostRead: 1.7,
  longest: 128,
  wholePerChange: 350,
});

/** What an instance knows of a run that it saved. */
interface Known {
  /** The head that it published. */
  readonly head: PublishedHead;
  /** The chain that it belongs to, if changes may follow it. */
  readonly chain: Chain | undefined;
}

/** Runs that an instance knows. */
const RUNS_KNOWN = 10_000;

/** Options of a {@linkcode FileCheckpointer}. */
export interface FileCheckpointerOptions {
  /**
   * Whether every checkpoint and its name are on the disk, not only with the operating system,
   * before the next node runs. Default `true`, which takes a file system with an ordered journal
   * (ext4, XFS, btrfs); `false` is several times faster and may lose the last checkpoints when the
   * machine (not the process) goes down.
   */
  readonly sync?: boolean;
  /** Is told of files that had to be passed over. Default: `console.warn`. */
  readonly onWarning?: (warning: FileWarning) => void;
}

/**
 * Keeps runs in a folder. Needs `--allow-read=ROOT` and `--allow-write=ROOT`, nothing else; the
 * folder must be on a file system with hard links. Nothing is opened before the first call, and
 * nothing stays open after one.
 *
 * Small records are files as they are; of large ones, most files hold what changed, and no `state`.
 * Beside the checkpoints of a run lie two hidden names of the latest one: `.head-<sequence>`, which lets
 * only one writer save each sequence, and mostly `.latest`, by which lists find it. While a worker is at a
 * run, `.lease` and `.draft-<id>`, one more name of the first checkpoint that it saved, may lie there
 * too; `.clock`, beside the pipelines' folders, tells the file system's time.
 *
 * @example
 * ```ts
 * import { FileCheckpointer } from "@firefly/pipeline/file";
 *
 * const checkpointer = new FileCheckpointer("./checkpoints");
 * ```
 */
export class FileCheckpointer implements Checkpointer {
  readonly #root: string;
  readonly #sync: boolean;
  readonly #onWarning: (warning: FileWarning) => void;
  /** What was saved here last, by folder: it need not be read again. */
  readonly #known = new Map<string, Known>();
  /** Folders of runs whose workers were heard of through this instance. */
  readonly #touched = new Set<string>();
  #lastFolder: RunFolder | undefined;

  /**
   * Takes the folder; nothing is read or made yet.
   *
   * @param root The folder, as a path or a `file:` URL; made on the first save.
   * @param options See {@linkcode FileCheckpointerOptions}.
   * @throws {TypeError} If the root is empty or no `file:` URL.
   */
  constructor(root: string | URL, options: FileCheckpointerOptions = {}) {
    this.#root = root instanceof URL ? fromFileUrl(root) : root;
    if (typeof this.#root !== "string" || this.#root === "") {
      throw new TypeError("Cannot keep checkpoints in a folder without a name");
    }
    this.#sync = options.sync ?? true;
    this.#onWarning = options.onWarning ?? printWarning;
  }

  /**
   * Stores one checkpoint: whole, or as a change where that is much less.
   *
   * @throws {CheckpointConflictError} If another writer saved this sequence, a later one is stored,
   * or what is changed is not the latest.
   * @throws {Error} If the file could not be written, with the operating system's error as cause.
   */
  async save(record: CheckpointRecord, change?: CheckpointChange): Promise<void> {
    const found = this.#runFolder(record.pipelineName, record.runId);
    const folder = found instanceof Promise ? await found : found;
    const known = this.#known.get(folder.path);
    this.#known.delete(folder.path);
    try {
      const saved = await this.#saveIn(folder, record, change, known);
      if (saved !== undefined && record.status === "running") this.#noteKnown(folder, saved);
    } catch (cause) {
      dropDraft(known?.head);
      if (cause instanceof CheckpointConflictError) throw cause;
      // What a newer package saved is no save of ours to be repeated.
      if (cause instanceof RecordVersionError) throw new CheckpointConflictError(record, { cause });
      throw new Error(`Cannot write to ${folder.path}: ${reasonOf(cause)}`, { cause });
    }
    const isOver = record.status !== "running" && this.#touched.delete(folder.path);
    // Whoever claims a run clears away what a dead worker left.
    if (isOver || record.resume !== undefined) dropLease(folder.path);
  }

  async #saveIn(
    folder: RunFolder,
    record: CheckpointRecord,
    change: CheckpointChange | undefined,
    known: Known | undefined,
  ): Promise<Known | undefined> {
    const common = { record, sync: this.#sync, upon: uponOf(change), published: known?.head };
    const planned = CHAINS.plan(known?.chain, record, change);
    if (planned !== undefined && planned.since === record.sequence - 1) {
      const text = planned.text + "\n";
      const head = await saveIn(folder, { ...common, text, isChange: true });
      if (head !== undefined) return { head, chain: planned.next };
    }
    const text = recordToText(record) + "\n";
    const head = await saveIn(folder, { ...common, text, isChange: false });
    return head && { head, chain: CHAINS.begin(record, text.length) };
  }

  #noteKnown({ path }: RunFolder, known: Known): void {
    this.#known.set(path, known);
    if (this.#known.size <= RUNS_KNOWN) return;
    for (const [oldest, { head }] of this.#known) {
      dropDraft(head);
      return void this.#known.delete(oldest);
    }
  }

  /** Yields the checkpoint with the highest sequence; files that are no checkpoints are told. */
  async loadLatest(pipelineName: string, runId: string): Promise<LoadedRecord | undefined> {
    const folder = await this.#runFolder(pipelineName, runId);
    const record = await latestIn(folder);
    if (record?.status !== "running") return record;
    return { ...record, idleMs: await idleMsOf(folder, record, clockOf(this.#root)) };
  }

  /**
   * Yields the runs of one pipeline, the one saved last first, by the clocks of those who saved them;
   * how long nothing was heard of each is told by the file system's. Reads the latest file of every
   * run.
   */
  async *listRuns(
    pipelineName: string,
    { status, limit = Infinity }: ListRunsOptions = {},
  ): AsyncIterable<RunSummary> {
    const parent = await pathIn(this.#root, pipelineName);
    const takeTurn = makeTurns();
    const newer = makeNewerRuns();
    const summaries: RunSummary[] = [];
    let now: number | undefined;
    const clock = () => now ??= clockOf(this.#root);
    for (const name of listFolders(parent)) {
      const turn = takeTurn();
      if (turn !== undefined) await turn;
      const path = childOf(parent, name);
      const run = { path, pipelineName, runId: nameOf(name), warn: this.#warn };
      const told = newer.passOver(() => summaryIn(run, clock));
      const summary = told instanceof Promise ? await told : told;
      if (summary === undefined) continue;
      if (status === undefined || summary.status === status) summaries.push(summary);
    }
    summaries.sort((one, other) => compare(other.savedAt, one.savedAt));
    for (const summary of summaries.slice(0, limit)) yield summary;
    if (summaries.length < limit) newer.tell();
  }

  /** Yields every checkpoint of a run, newest first; files that are no checkpoints are told. */
  async *history(pipelineName: string, runId: string): AsyncIterable<CheckpointRecord> {
    yield* historyIn(await this.#runFolder(pipelineName, runId));
  }

  /** Removes a run: out of sight at once, then from the disk. */
  async deleteRun(pipelineName: string, runId: string): Promise<void> {
    const { path } = await this.#runFolder(pipelineName, runId);
    this.#known.delete(path);
    const parent = dirname(path);
    const deleted = childOf(parent, `.deleted-${crypto.randomUUID()}`);
    try {
      await Deno.rename(path, deleted);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      throw new Error(`Cannot delete ${path}: ${reasonOf(error)}`, { cause: error });
    }
    await removeFolder(deleted);
    // A power loss must not bring it back to be resumed.
    if (this.#sync) await syncFolder(parent);
  }

  /** Notes that a run's worker is alive, if its latest checkpoint is still this writer's. */
  async touch(pipelineName: string, runId: string, writer: string): Promise<boolean> {
    const folder = await this.#runFolder(pipelineName, runId);
    const newest = newestIn(folder);
    if (newest === undefined || markOf(newest) !== writerMark(writer)) return false;
    if (statusOf(newest) !== "running") return true;
    if (!noteAlive(folder, writer)) return false;
    // Whoever ended the run or took it meanwhile has cleared away what it found, and not this.
    const after = newestIn(folder);
    const isOurs = after !== undefined && markOf(after) === writerMark(writer);
    const isAtWork = isOurs && statusOf(after) === "running";
    if (isAtWork) this.#touched.add(folder.path);
    else dropLeaseOf(folder, writer);
    return isOurs;
  }

  /** Removes checkpoints of a run below a sequence that the others do not need. */
  async trim(pipelineName: string, runId: string, below: number): Promise<number> {
    return await trimIn(await this.#runFolder(pipelineName, runId), below);
  }

  /** The folder of a run: at once where the names are plain; mostly it is asked for again. */
  #runFolder(pipelineName: string, runId: string): RunFolder | Promise<RunFolder> {
    const last = this.#lastFolder;
    if (last?.runId === runId && last.pipelineName === pipelineName) return last;
    const folderAt = (path: string) => ({ path, pipelineName, runId, warn: this.#warn });
    const [pipeline, run] = [encodeName(pipelineName), encodeName(runId)];
    if (pipeline === pipelineName && run === runId) {
      return this.#lastFolder = folderAt(childOf(join(this.#root, pipeline), run));
    }
    return pathIn(this.#root, pipelineName).then((parent) => pathIn(parent, runId)).then(folderAt);
  }

  readonly #warn = (path: string, cause: unknown): void => {
    const message = `${path} is no checkpoint of its run and was passed over: ${reasonOf(cause)}`;
    this.#onWarning({ path, message, cause });
  };
}

/** The checkpoint that a change is against. */
function uponOf(change: CheckpointChange | undefined): Upon | undefined {
  if (change === undefined || change.since < 0) return undefined;
  return { sequence: change.since, mark: writerMark(change.sinceWriter) };
}

/** A name's place in a folder: the encoded one, or the Python framework's where only that is. */
async function pathIn(parent: string, name: string): Promise<string> {
  const encoded = await encodeName(name);
  const path = join(parent, encoded);
  const raw = rawName(name, encoded);
  if (raw === undefined || exists(path)) return path;
  const rawPath = join(parent, raw);
  return exists(rawPath) ? rawPath : path;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

function printWarning({ message }: FileWarning): void {
  console.warn(message);
}
