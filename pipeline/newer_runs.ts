/**
 * Runs that a newer version of this package stored, among those that can be read: a worker that is
 * not updated yet goes on with all others.
 *
 * @module
 */

import { RecordVersionError } from "./checkpointer.ts";

/** What could not be read so far. */
export interface NewerRuns {
  /** What is read, at once if it is read at once; nothing where a newer version wrote it. */
  passOver<T>(read: () => T | Promise<T>): T | undefined | Promise<T | undefined>;
  /**
   * Tells what was passed over.
   *
   * @throws {RecordVersionError} If something was.
   */
  tell(): void;
}

/** Passes over what newer versions wrote, until all else was read. */
export function makeNewerRuns(): NewerRuns {
  let first: RecordVersionError | undefined;
  const note = (error: unknown): undefined => {
    if (!(error instanceof RecordVersionError)) throw error;
    first ??= error;
  };
  return {
    passOver(read) {
      try {
        const found = read();
        return found instanceof Promise ? found.catch(note) : found;
      } catch (error) {
        return note(error);
      }
    },
    tell() {
      if (first !== undefined) throw first;
    },
  };
}
