/**
 * Recording what is asked of the file system, so that a power loss at any moment can be played.
 *
 * @module
 */

import { dirname } from "@std/path";

/** A change of folders, in the order of a file system's journal. */
export type JournalEntry =
  | { readonly kind: "folder"; readonly path: string }
  | { readonly kind: "link"; readonly path: string; readonly file: number }
  | { readonly kind: "unlink"; readonly path: string; readonly file: number }
  | {
    readonly kind: "rename";
    readonly path: string;
    readonly to: string;
    readonly file: number;
    readonly replaced: number | undefined;
  };

/** Anything that happened, in order. */
export type Event =
  | { readonly kind: "journal"; readonly entry: JournalEntry }
  | { readonly kind: "write"; readonly file: number; readonly bytes: Uint8Array }
  /** What was done before `since`, by index, is on the disk: the data, and the names if asked. */
  | {
    readonly kind: "synced";
    readonly since: number;
    readonly target: number | string;
    readonly names: boolean;
  }
  | { readonly kind: "told"; readonly what: unknown };

/** What a recording tells. */
export interface Recording {
  /** All events so far. */
  readonly events: readonly Event[];
  /** Adds an event of the caller's own. */
  tell(what: unknown): void;
  /** What the folders hold now: files by path. */
  readonly names: ReadonlyMap<string, number>;
}

/** Records what is done through `Deno.*` by whatever `work` calls. Not for two at a time. */
export async function record(work: (recording: Recording) => Promise<void>): Promise<Recording> {
  const events: Event[] = [];
  const names = new Map<string, number>();
  const tell = (what: unknown) => void events.push({ kind: "told", what });
  const recording = { events, names, tell };
  const restore = patch(events, names);
  try {
    await work(recording);
  } finally {
    restore();
  }
  return recording;
}

type Patched = "openSync" | "linkSync" | "renameSync" | "removeSync" | "mkdirSync";

function patch(events: Event[], names: Map<string, number>): () => void {
  const real = pick(Deno, ["openSync", "linkSync", "renameSync", "removeSync", "mkdirSync"]);
  const realFile = pick(Deno.FsFile.prototype, ["writeSync", "sync", "syncData"]);
  const targets = new WeakMap<Deno.FsFile, number | string>();
  let files = 0;
  const note = (entry: JournalEntry) => void events.push({ kind: "journal", entry });
  const fileAt = (path: string) => {
    const file = names.get(path);
    if (file === undefined) throw new Error(`${path} came into being unseen`);
    return file;
  };

  const patched: Pick<typeof Deno, Patched> = {
    openSync(path, options) {
      const file = real.openSync(path, options);
      if (options?.createNew) {
        names.set(String(path), files);
        note({ kind: "link", path: String(path), file: files });
        targets.set(file, files++);
      } else {
        targets.set(file, String(path));
      }
      return file;
    },
    linkSync(from, to) {
      real.linkSync(from, to);
      const file = fileAt(from);
      names.set(to, file);
      note({ kind: "link", path: to, file });
    },
    renameSync(from, to) {
      real.renameSync(from, to);
      const [path, target] = [String(from), String(to)];
      const file = fileAt(path);
      const replaced = names.get(target);
      // Of two names of one file, POSIX keeps both.
      if (replaced === file) return;
      names.delete(path);
      names.set(target, file);
      note({ kind: "rename", path, to: target, file, replaced });
    },
    removeSync(path, options) {
      real.removeSync(path, options);
      const file = fileAt(String(path));
      names.delete(String(path));
      note({ kind: "unlink", path: String(path), file });
    },
    mkdirSync(path, options) {
      const missing: string[] = [];
      for (let at = String(path); !isThere(at); at = dirname(at)) missing.unshift(at);
      real.mkdirSync(path, options);
      for (const path of missing) note({ kind: "folder", path });
    },
  };

  const syncing = (sync: () => Promise<void>, names: boolean) =>
    async function (this: Deno.FsFile): Promise<void> {
      const since = events.length;
      await sync.call(this);
      const target = targets.get(this);
      if (target !== undefined) events.push({ kind: "synced", since, target, names });
    };
  Object.assign(Deno, patched);
  Object.assign(Deno.FsFile.prototype, {
    writeSync(this: Deno.FsFile, bytes: Uint8Array) {
      const written = realFile.writeSync.call(this, bytes);
      const file = targets.get(this);
      if (typeof file === "number") {
        events.push({ kind: "write", file, bytes: bytes.slice(0, written) });
      }
      return written;
    },
    sync: syncing(realFile.sync, true),
    syncData: syncing(realFile.syncData, false),
  });
  return () => {
    Object.assign(Deno, real);
    Object.assign(Deno.FsFile.prototype, realFile);
  };
}

function pick<T, K extends keyof T>(object: T, keys: readonly K[]): Pick<T, K> {
  const entries = keys.map((key) => [key, object[key]] as const);
  return Object.fromEntries(entries) as Pick<T, K>;
}

function isThere(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
