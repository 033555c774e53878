import type { Checkpointer } from "@firefly/pipeline";
import { FileCheckpointer } from "@firefly/pipeline/file";

/** A kind of place for checkpoints, and how a person finds them there. */
export interface Store {
  readonly name: string;
  open(folder: string): Checkpointer;
  /** Where all checkpoints of a run lie. */
  placeOf(folder: string, pipelineName: string, runId: string): string;
  /** What one of them is called there. */
  labelOf(sequence: number, nodeId: string): string;
}

const files: Store = {
  name: "files",
  open: (folder) => new FileCheckpointer(`${folder}/checkpoints`),
  placeOf: (folder, pipelineName, runId) => `${folder}/checkpoints/${pipelineName}/${runId}`,
  labelOf: (sequence, nodeId) => `${String(sequence).padStart(6, "0")}_${nodeId}.json`,
};

/** The stores that can be used here without any set-up. */
export function availableStores(): readonly Store[] {
  return [files];
}
