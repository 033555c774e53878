import type { Checkpointer, CheckpointRecord } from "../mod.ts";

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

/** All that can be asked of a checkpointer. */
export function callsOf(checkpointer: Checkpointer): readonly (() => Promise<unknown>)[] {
  return [
    () => checkpointer.save(record(0)),
    () => checkpointer.loadLatest("factory", "r1"),
    () => Array.fromAsync(checkpointer.listRuns("factory")),
    () => Array.fromAsync(checkpointer.history("factory", "r1")),
    () => checkpointer.deleteRun("factory", "r1"),
  ];
}
