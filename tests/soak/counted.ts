/**
 * A store whose calls are counted.
 *
 * @module
 */

import type { Checkpointer } from "../../mod.ts";

/** Passes everything on to a store, after counting it. */
export function counted(store: Checkpointer, count: () => void): Checkpointer {
  const { touch } = store;
  return {
    save(record, change) {
      count();
      return store.save(record, change);
    },
    loadLatest(pipelineName, runId) {
      count();
      return store.loadLatest(pipelineName, runId);
    },
    listRuns(pipelineName, options) {
      count();
      return store.listRuns(pipelineName, options);
    },
    history(pipelineName, runId) {
      count();
      return store.history(pipelineName, runId);
    },
    deleteRun(pipelineName, runId) {
      count();
      return store.deleteRun(pipelineName, runId);
    },
    ...(touch !== undefined && {
      touch(pipelineName: string, runId: string, writer: string) {
        count();
        return touch.call(store, pipelineName, runId, writer);
      },
    }),
  };
}
