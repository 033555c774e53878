import type { CheckpointRecord } from "../mod.ts";

/** A record like any other. */
export function record(sequence: number, fields: Partial<CheckpointRecord> = {}): CheckpointRecord {
  return {
    version: 1,
    pipelineName: "factory",
    runId: "r1",
    sequence,
    nodeId: "deployer",
    state: { step: sequence },
    completedNodes: [],
    status: "running",
    paused: false,
    pauseReason: undefined,
    tasks: [],
    pendingEdges: [],
    steps: sequence,
    failures: [],
    resume: undefined,
    writer: "w1",
    savedAt: "2026-01-01T00:00:00.000Z",
    ...fields,
  };
}
