/**
 * Keeps runs as files: `<root>/<pipeline>/<run>/<sequence>_<node>.json`, readable by anyone.
 *
 * @module
 */

import { fromFileUrl, join } from "@std/path";
import {
  CheckpointConflictError,
  type Checkpointer,
  type CheckpointRecord,
  type ListRunsOptions,
  RecordVersionError,
  type RunSummary,
} from "../pipeline/checkpointer.ts";
import { recordFromText, recordToText, summarize } from "../pipeline/record.ts";
import { encodeName, rawName, sequenceDigits } from "./file_names.ts";
import { exists, listFolder, readFolders, removeIfThere, writeDraft } from "./file_system.ts";

/** A file that should be a checkpoint and is none; it was passed over. */
export interface FileWarning {
  /** The file. */
  readonly path: string;
  /** What is wrong with it, and what was done. */
  readonly message: string;
  /** What reading it threw. */
  readonly cause: unknown;
}

/** Options of a {@linkcode FileCheckpointer}. */
export interface FileCheckpointerOptions {
  /**
   * Whether every checkpoint is on the disk, not only with the operating system, before the next
   * node runs. Default `true`; `false` is several times faster and may lose the last checkpoints
   * when the machine (not the process) goes down.
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
 * A save writes a draft, syncs it, and links it as `.head-<sequence>`: of two writers, one finds
 * the name taken. The head is then linked under the checkpoint's own name, and the head before it
 * is removed; a save that died between the two is completed by whoever loads the run next.
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

  /**
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
    this.#onWarning = options.onWarning ?? warn;
  }

  /**
   * Stores one checkpoint.
   *
   * @throws {CheckpointConflictError} If another writer saved this sequence, or a later one is
   * stored.
   * @throws {Error} If the file could not be written, with the operating system's error as cause.
   */
  async save(record: CheckpointRecord): Promise<void> {
    const folder = await this.#runFolder(record.pipelineName, record.runId);
    const fileName = `${sequenceDigits(record.sequence)}_${await encodeName(record.nodeId)}.json`;
    let draft: string | undefined;
    try {
      draft = await writeDraft(folder, recordToText(record) + "\n", this.#sync);
      await this.#place(draft, folder, fileName, record);
      if (record.sequence === 0 || record.resume !== undefined) sweep(folder);
    } catch (cause) {
      if (draft !== undefined) removeIfThere(draft);
      if (cause instanceof CheckpointConflictError) throw cause;
      throw new Error(`Cannot write ${join(folder, fileName)}: ${reasonOf(cause)}`, { cause });
    }
  }

  /** Yields the checkpoint with the highest sequence; files that are no checkpoints are told. */
  async loadLatest(pipelineName: string, runId: string): Promise<CheckpointRecord | undefined> {
    return await this.#latestIn(await this.#runFolder(pipelineName, runId), {
      pipelineName,
      runId,
    });
  }

  /** Yields the runs of one pipeline, the one saved last first. Reads every run's latest file. */
  async *listRuns(
    pipelineName: string,
    { status, limit = Infinity }: ListRunsOptions = {},
  ): AsyncIterable<RunSummary> {
    const folder = await segmentIn(this.#root, pipelineName);
    const latest = await readFolders(folder, (run) => this.#latestIn(run, { pipelineName }));
    const summaries = latest
      .filter((record) => status === undefined || record.status === status)
      .sort((one, other) => compare(other.savedAt, one.savedAt))
      .map(summarize);
    yield* summaries.slice(0, limit);
  }

  /** Yields every checkpoint of a run, newest first; files that are no checkpoints are told. */
  async *history(pipelineName: string, runId: string): AsyncIterable<CheckpointRecord> {
    const folder = await this.#runFolder(pipelineName, runId);
    const latest = await this.#latestIn(folder, { pipelineName, runId });
    if (latest === undefined) return;
    yield latest;
    let last = latest.sequence;
    for (const { sequence, name } of listFolder(folder).checkpoints) {
      if (sequence >= last) continue;
      const record = await this.#read(join(folder, name), sequence, { pipelineName, runId });
      if (record === undefined) continue;
      last = sequence;
      yield record;
    }
  }

  /** Removes a run: out of sight at once, then from the disk. */
  async deleteRun(pipelineName: string, runId: string): Promise<void> {
    const folder = await this.#runFolder(pipelineName, runId);
    const parent = join(folder, "..");
    const deleted = join(parent, `.deleted-${crypto.randomUUID()}`);
    try {
      await Deno.rename(folder, deleted);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      throw error;
    }
    await Deno.remove(deleted, { recursive: true });
  }

  /** Gives a draft its names, if the sequence is still to be had. The draft's own name goes. */
  async #place(
    draft: string,
    folder: string,
    fileName: string,
    record: CheckpointRecord,
  ): Promise<void> {
    const head = headPath(folder, record.sequence);
    const path = join(folder, fileName);
    if (!await this.#takeHead(draft, head, record)) {
      await this.#repeat(draft, folder, path, record);
      return;
    }
    // Only who holds the head of a sequence removes the one before it: if it was there, nothing
    // newer is stored. If not (a gap, the Python framework, or we are late), look.
    const isNext = removeIfThere(headPath(folder, record.sequence - 1));
    if (!isNext && await this.#isStored(folder, record)) {
      removeIfThere(head);
      throw new CheckpointConflictError(record);
    }
    publish(draft, path);
  }

  /** Links a draft as the head of its sequence; `false` if this writer has done so before. */
  async #takeHead(draft: string, head: string, record: CheckpointRecord): Promise<boolean> {
    for (;;) {
      try {
        Deno.linkSync(draft, head);
        return true;
      } catch (error) {
        // Somebody's claim swept the draft away: the run is theirs.
        if (error instanceof Deno.errors.NotFound) {
          throw new CheckpointConflictError(record, { cause: error });
        }
        if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
      }
      const holder = await this.#open(head, record.sequence, record);
      if (holder === "torn") {
        // A head is complete before it gets its name: only a power loss, unsynced, leaves this.
        removeIfThere(head);
      } else if (holder?.writer === record.writer) {
        return false;
      } else {
        throw new CheckpointConflictError(record);
      }
    }
  }

  /** Replaces the latest checkpoint by what its own writer saves again. */
  async #repeat(
    draft: string,
    folder: string,
    path: string,
    record: CheckpointRecord,
  ): Promise<void> {
    const latest = await this.#latestIn(folder, record);
    if (latest !== undefined && latest.sequence > record.sequence) {
      throw new CheckpointConflictError(record);
    }
    Deno.renameSync(draft, path);
    for (const { sequence, name } of listFolder(folder).checkpoints) {
      const other = join(folder, name);
      if (sequence === record.sequence && other !== path) removeIfThere(other);
    }
  }

  /** Whether somebody else's checkpoint of this sequence or a later one is stored. */
  async #isStored(folder: string, record: CheckpointRecord): Promise<boolean> {
    for (const { sequence, name } of listFolder(folder).checkpoints) {
      if (sequence < record.sequence) return false;
      const stored = await this.#read(join(folder, name), sequence, record);
      if (stored === undefined) continue;
      // A reader may have published our own head already.
      if (stored.sequence > record.sequence || stored.writer !== record.writer) return true;
    }
    return false;
  }

  /** The newest good checkpoint of a folder. A head that nobody published yet is published. */
  async #latestIn(folder: string, run: ExpectedRun): Promise<CheckpointRecord | undefined> {
    const { checkpoints, heads } = listFolder(folder);
    const newest = checkpoints[0]?.sequence ?? -1;
    for (const sequence of heads) {
      if (sequence <= newest) break;
      const head = headPath(folder, sequence);
      const record = await this.#read(head, sequence, run);
      if (record === undefined) continue;
      const name = `${sequenceDigits(sequence)}_${await encodeName(record.nodeId)}.json`;
      publishHead(head, join(folder, name));
      return record;
    }
    for (const { sequence, name } of checkpoints) {
      const record = await this.#read(join(folder, name), sequence, run);
      if (record !== undefined) return record;
    }
  }

  /** Reads one checkpoint; `undefined` where there is none that is good. */
  async #read(
    path: string,
    sequence: number,
    run: ExpectedRun,
  ): Promise<CheckpointRecord | undefined> {
    const record = await this.#open(path, sequence, run);
    return record === "torn" ? undefined : record;
  }

  /** Reads one file; `undefined` if there is none. What is no checkpoint of the run is told. */
  async #open(
    path: string,
    sequence: number,
    run: ExpectedRun,
  ): Promise<CheckpointRecord | "torn" | undefined> {
    let text: string;
    try {
      text = await Deno.readTextFile(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw new Error(`Cannot read ${path}: ${reasonOf(error)}`, { cause: error });
    }
    try {
      const record = recordFromText(text, path, "");
      refuseAlien(record, sequence, run, path);
      return record.savedAt === "" ? { ...record, savedAt: modifiedAt(path) } : record;
    } catch (cause) {
      if (cause instanceof RecordVersionError) throw cause;
      const message = `${path} is no checkpoint of its run and was passed over: ${reasonOf(cause)}`;
      this.#onWarning({ path, message, cause });
      return "torn";
    }
  }

  async #runFolder(pipelineName: string, runId: string): Promise<string> {
    return await segmentIn(await segmentIn(this.#root, pipelineName), runId);
  }
}

/** The run that a file must belong to, as far as the reader knows. */
interface ExpectedRun {
  readonly pipelineName: string;
  readonly runId?: string;
}

/** A name's place in a folder: the encoded one, or the Python framework's where only that is. */
async function segmentIn(parent: string, name: string): Promise<string> {
  const encoded = await encodeName(name);
  const path = join(parent, encoded);
  const raw = rawName(name, encoded);
  if (raw === undefined || exists(path)) return path;
  const rawPath = join(parent, raw);
  return exists(rawPath) ? rawPath : path;
}

function headPath(folder: string, sequence: number): string {
  return join(folder, `.head-${sequenceDigits(sequence)}`);
}

/** Gives a draft its checkpoint's name. A file that is there is torn, or this very one. */
function publish(draft: string, path: string): void {
  try {
    Deno.linkSync(draft, path);
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    Deno.renameSync(draft, path);
  }
  // Renaming onto another link of the same file leaves both.
  removeIfThere(draft);
}

/** Publishes what a save left behind when it died; where we may only read, reading is enough. */
function publishHead(head: string, path: string): void {
  try {
    Deno.linkSync(head, path);
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return;
    if (error instanceof Deno.errors.NotFound) return;
    if (error instanceof Deno.errors.PermissionDenied) return;
    if (error instanceof Deno.errors.NotCapable) return;
    throw error;
  }
}

/** Removes what dead writers left. Whoever claims a run has it alone: other drafts are lost. */
function sweep(folder: string): void {
  const { drafts, heads } = listFolder(folder);
  for (const name of drafts) removeIfThere(join(folder, name));
  for (const sequence of heads.slice(1)) removeIfThere(headPath(folder, sequence));
}

function refuseAlien(
  record: CheckpointRecord,
  sequence: number,
  { pipelineName, runId = record.runId }: ExpectedRun,
  path: string,
): void {
  const isExpected = record.sequence === sequence && record.pipelineName === pipelineName &&
    record.runId === runId;
  if (isExpected) return;
  throw new TypeError(
    `Cannot use ${path}: it holds checkpoint ${record.sequence} of run "${record.runId}" of ` +
      `pipeline "${record.pipelineName}"`,
  );
}

function modifiedAt(path: string): string {
  return (Deno.statSync(path).mtime ?? new Date(0)).toISOString();
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function warn({ message }: FileWarning): void {
  console.warn(message);
}
