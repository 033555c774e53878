/**
 * What a journaling file system may hold when the power comes back: all folders as they were at one
 * moment, no earlier than the last sync that covers them, and of each file what was synced, or more.
 *
 * @module
 */

import { dirname } from "@std/path";
import type { Event, JournalEntry } from "./recording.ts";

/** One tree that may be left. */
export interface Tree {
  /** Folders, each after the one that it is in. */
  readonly folders: readonly string[];
  /** Names of files. */
  readonly names: ReadonlyMap<string, number>;
  /** What the files hold. */
  readonly contents: ReadonlyMap<number, Uint8Array>;
}

/** A moment, and a tree that may be left when the power fails then. */
export interface Loss {
  /** Events that had happened. */
  readonly events: readonly Event[];
  /** The tree. */
  readonly tree: Tree;
}

/**
 * Every tree that a loss may leave, each at the last moment at which it may: by then most had been
 * promised.
 */
export function everyLoss(events: readonly Event[]): readonly Loss[] {
  const journal = events.flatMap((event) => event.kind === "journal" ? [event.entry] : []);
  const losses = new Map<string, () => Loss>();
  for (let moment = 0; moment <= events.length; moment++) {
    const past = events.slice(0, moment);
    const written = past.filter(({ kind }) => kind === "journal").length;
    for (let kept = durableNames(past); kept <= written; kept++) {
      const folders = replay(journal.slice(0, kept));
      for (const contents of everyContents(past, new Set(folders.names.values()))) {
        const lengths = [...contents].map(([file, bytes]) => `${file}:${bytes.length}`);
        const key = [kept, ...lengths].join(" ");
        losses.delete(key);
        losses.set(key, () => ({ events: past, tree: { ...folders, contents } }));
      }
    }
  }
  return [...losses.values()].map((loss) => loss());
}

/** How much of the journal is on the disk: up to the last entry that a synced file is part of. */
function durableNames(past: readonly Event[]): number {
  let durable = 0;
  for (const sync of past) {
    if (sync.kind !== "synced" || !sync.names) continue;
    let entries = 0;
    for (const event of past.slice(0, sync.since)) {
      if (event.kind !== "journal") continue;
      entries++;
      if (isPartOf(sync.target, event.entry)) durable = Math.max(durable, entries);
    }
  }
  return durable;
}

function isPartOf(target: number | string, entry: JournalEntry): boolean {
  const paths = entry.kind === "rename" ? [entry.path, entry.to] : [entry.path];
  if (typeof target === "string") {
    return paths.some((path) => path === target || dirname(path) === target);
  }
  return entry.kind !== "folder" &&
    (entry.file === target || (entry.kind === "rename" && entry.replaced === target));
}

function replay(journal: readonly JournalEntry[]): Pick<Tree, "folders" | "names"> {
  const folders: string[] = [];
  const names = new Map<string, number>();
  for (const entry of journal) {
    if (entry.kind === "folder") folders.push(entry.path);
    if (entry.kind === "unlink" || entry.kind === "rename") names.delete(entry.path);
    if (entry.kind === "link") names.set(entry.path, entry.file);
    if (entry.kind === "rename") names.set(entry.to, entry.file);
  }
  return { folders, names };
}

/** Of what was not synced, nothing may be there, or a part, or all. */
function everyContents(
  past: readonly Event[],
  files: ReadonlySet<number>,
): readonly ReadonlyMap<number, Uint8Array>[] {
  let all: readonly ReadonlyMap<number, Uint8Array>[] = [new Map()];
  for (const file of files) {
    const bytes = bytesOf(past, file);
    const synced = Math.max(0, ...past.map((event) => syncedLength(past, event, file)));
    const half = Math.floor((synced + bytes.length) / 2);
    const lengths = [...new Set([synced, half, bytes.length])];
    all = all.flatMap((contents) =>
      lengths.map((length) => new Map([...contents, [file, bytes.subarray(0, length)]]))
    );
  }
  return all;
}

function syncedLength(past: readonly Event[], event: Event, file: number): number {
  if (event.kind !== "synced" || event.target !== file) return 0;
  return bytesOf(past.slice(0, event.since), file).length;
}

/** What was written to a file, which the backend does at one go. */
function bytesOf(past: readonly Event[], file: number): Uint8Array {
  const writes = past.flatMap((event) =>
    event.kind === "write" && event.file === file ? [event.bytes] : []
  );
  if (writes.length > 1) throw new Error(`File ${file} was written in ${writes.length} parts`);
  return writes[0] ?? new Uint8Array();
}

/** Makes the tree in a folder that takes the place of the recorded one. */
export function plant({ folders, names, contents }: Tree, recordedRoot: string, root: string) {
  const moved = (path: string) => root + path.slice(recordedRoot.length);
  for (const folder of folders) Deno.mkdirSync(moved(folder));
  const first = new Map<number, string>();
  for (const [path, file] of names) {
    const other = first.get(file);
    if (other === undefined) {
      Deno.writeFileSync(moved(path), contents.get(file) ?? new Uint8Array());
      first.set(file, moved(path));
    } else {
      Deno.linkSync(other, moved(path));
    }
  }
}
