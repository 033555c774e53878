/**
 * Workers that find the same checkpoint, however quick each of them is.
 *
 * @module
 */

import type { Checkpointer } from "../../mod.ts";

/** Lets nobody through before as many as expected have come. */
export function makeMeeting(expected: number): () => Promise<void> {
  const complete = Promise.withResolvers<void>();
  let come = 0;
  return () => {
    come++;
    if (come === expected) complete.resolve();
    return complete.promise;
  };
}

/** The checkpointer, whose loads wait for those of the others. */
export function loadingTogether(
  store: Checkpointer,
  together: () => Promise<void>,
): Checkpointer {
  return {
    save: (record, change) => store.save(record, change),
    async loadLatest(pipelineName, runId) {
      const record = await store.loadLatest(pipelineName, runId);
      await together();
      return record;
    },
    listRuns: (pipelineName, options) => store.listRuns(pipelineName, options),
    history: (pipelineName, runId) => store.history(pipelineName, runId),
    deleteRun: (pipelineName, runId) => store.deleteRun(pipelineName, runId),
  };
}
