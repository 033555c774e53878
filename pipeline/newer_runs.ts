/**
 * Runs that a newer version of this package stored, among those that can be read: a worker that is
 * not updated yet goes on with all others.
 *
 * @module
 */

import { RecordVersionError } from "./checkpointer.ts";

/** What could not be read so far. */
export interface NewerRuns {
  /** What is read; nothing where a newer version wrote it. */
  passOver<T>(read: () => T | Promise<T>): Promise<T | undefined>;
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
  return {
    async passOver(read) {
      try {
        return await read();
      } catch (error) {
        if (!(error instanceof RecordVersionError)) throw error;
        first ??= error;
      }
    },
    tell() {
      if (first !== undefined) throw first;
    },
  };
}
