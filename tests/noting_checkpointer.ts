/**
 * A store whose saves are noted.
 *
 * @module
 */

import type { Checkpointer, CheckpointRecord } from "../mod.ts";

/** Passes everything on to a store, and notes each record whose save came back. */
export function noting(
  store: Checkpointer,
  note: (record: CheckpointRecord) => void,
): Checkpointer {
  return {
    async save(record, change) {
      await store.save(record, change);
      note(record);
    },
    loadLatest: (pipelineName, runId) => store.loadLatest(pipelineName, runId),
    listRuns: (pipelineName, options) => store.listRuns(pipelineName, options),
    history: (pipelineName, runId) => store.history(pipelineName, runId),
    deleteRun: (pipelineName, runId) => store.deleteRun(pipelineName, runId),
    ...(store.touch !== undefined && { touch: store.touch.bind(store) }),
  };
}
