/**
 * Durable state pipelines: nodes over one typed state, every step checkpointed, so that a run
 * survives a crash and goes on in another process or on another machine.
 *
 * @example A pipeline whose runs are kept in files
 * ```ts no-eval
 * import { definePipeline, END, pause, unchecked } from "@firefly/pipeline";
 * import { FileCheckpointer } from "@firefly/pipeline/file";
 *
 * const release = definePipeline({
 *   name: "release",
 *   state: unchecked<{ version: string; approved: boolean; url: string }>(),
 *   nodes: {
 *     approval: (state) => pause(`release ${state.version}?`),
 *     deploy: (state) => ({ url: `https://example.com/${state.version}` }),
 *   },
 *   start: "approval",
 *   edges: {
 *     approval: { route: (state) => state.approved ? "yes" : "no", to: { yes: "deploy", no: END } },
 *     deploy: END,
 *   },
 * }, { checkpointer: new FileCheckpointer("./checkpoints") });
 *
 * const first = await release.invoke({ version: "1.2.0" });
 * // Later, in this process or another one:
 * const second = await release.resume(first.runId, {
 *   approvePause: true,
 *   update: { approved: true },
 *   by: "ana",
 * });
 * console.log(second.status, second.state.url);
 * ```
 *
 * @module
 */

export { MemoryCheckpointer } from "./backends/memory.ts";
export { applyChange } from "./pipeline/change.ts";
export type {
  CheckpointChange,
  CheckpointRecord,
  ForkRecord,
  PendingEdge,
  ResumeRecord,
  RunStatus,
  VisitAttempts,
} from "./pipeline/checkpoint_record.ts";
export {
  CheckpointConflictError,
  type Checkpointer,
  type ListRunsOptions,
  type LoadedRecord,
  RecordVersionError,
  type RunSummary,
} from "./pipeline/checkpointer.ts";
export { StateSerializationError } from "./pipeline/codec.ts";
export {
  type AroundNode,
  type Edge,
  type EdgeContext,
  END,
  type End,
  KIND,
  type LabelOf,
  type LiteralHint,
  type MaybePromise,
  type NameOf,
  type Node,
  type NodeContext,
  type NodeFunction,
  type NodeOptions,
  type OneOrMany,
  type PipelineDefinition,
  type Reducer,
  type ReducerInput,
  type Reducers,
  type RetryOptions,
  type RoutedEdge,
  type Send,
  send,
  type Targets,
  type Update,
} from "./pipeline/definition.ts";
export { definePipeline } from "./pipeline/define.ts";
export type { Durability } from "./pipeline/durability.ts";
export { type CheckpointDiff, diffCheckpoints, type FieldDiff } from "./pipeline/diff.ts";
export {
  CheckpointLoadError,
  CheckpointSaveError,
  NodeTimeoutError,
  PauseExpiredError,
  type PendingPause,
  RecoveryLimitError,
  RecursionLimitError,
  RunActiveError,
  RunError,
  RunExistsError,
  type RunName,
  RunNotFoundError,
  RunPausedError,
  StalePauseError,
  UnknownNodeError,
} from "./pipeline/errors.ts";
export type { EventHandler, RunEvent, RunObserver, TaskEvent } from "./pipeline/events.ts";
export type {
  CancelOptions,
  ForkOptions,
  InvokeOptions,
  RecoverOptions,
  RejectOptions,
  ResumeOptions,
  StreamRequest,
} from "./pipeline/call_options.ts";
export type { CheckpointHead } from "./pipeline/record_fold.ts";
export type { HistoryEntry, HistoryTask } from "./pipeline/history.ts";
export type { Json, JsonObject } from "./pipeline/json.ts";
export {
  type Pause,
  pause,
  type PauseAnswer,
  type PauseOptions,
  rejected,
  type Rejection,
} from "./pipeline/pause.ts";
export type { ListedRun, Pipeline, PipelineOptions } from "./pipeline/pipeline.ts";
export type { HistoryOption, PrunableStatus, PruneOptions, PruneResult } from "./pipeline/prune.ts";
export { append, extend, merge, replace } from "./pipeline/reducers.ts";
export type { Recovery } from "./pipeline/recover.ts";
export type { RunResult, TaskFailure } from "./pipeline/result.ts";
export {
  AnswerValidationError,
  InputValidationError,
  type SchemaIssue,
  type SchemaResult,
  type StandardSchema,
  unchecked,
} from "./pipeline/schema.ts";
export { type EventStreamOptions, resultOf } from "./pipeline/stream.ts";
export { SubPipelineError, type SubPipelinePause } from "./pipeline/run_inside.ts";
export { subPipeline, type SubPipelineOptions, type UpdateValue } from "./pipeline/sub_pipeline.ts";
export type {
  ErrorRecord,
  FailureRecord,
  PauseDetails,
  PauseRecord,
  ReentryRecord,
  TaskRecord,
} from "./pipeline/task_record.ts";
export type { Topology, TopologyEdge } from "./pipeline/topology.ts";
export { MigrationError, PipelineVersionError } from "./pipeline/version_errors.ts";
export type { Migration, Migrations } from "./pipeline/versions.ts";
