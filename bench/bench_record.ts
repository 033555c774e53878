import type { CheckpointRecord } from "../mod.ts";

const STATE = { text: "x".repeat(380), count: 1 };

/** A checkpoint with a state of 400 bytes. */
export function record(runId: string, sequence: number): CheckpointRecord {
  return {
    version: 1,
    pipelineName: "bench",
    runId,
    sequence,
    nodeId: "node",
    state: STATE,
    completedNodes: ["node"],
    status: "running",
    paused: false,
    tasks: [{ node: "node", visit: sequence + 1, status: "pending" }],
    pendingEdges: [],
    steps: sequence,
    failures: [],
    writer: "0f8fad5b-d9cb-469f-a165-70867728950e",
    savedAt: "2026-01-01T00:00:00.000Z",
  };
}
