/**
 * A pipeline as a node of another one.
 *
 * @module
 */

import { cancelRun } from "./cancel.ts";
import type { MaybePromise, NodeContext, NodeOptions } from "./definition.ts";
import { deleteRun } from "./delete.ts";
import { RunNotFoundError } from "./errors.ts";
import { hostOf, UNFINISHED } from "./host.ts";
import { type Inner, innerOf } from "./inner.ts";
import { type Pause, type PauseAnswer, rejected, type Rejection } from "./pause.ts";
import type { Pipeline } from "./pipeline.ts";
import { noteSubRuns, type SubRuns } from "./sub_runs.ts";
import { answerTo, pauseFor, runInside, SubPipelineError } from "./run_inside.ts";

/** How a pipeline stands in another one. */
export interface SubPipelineOptions<State, Input, SubState, SubUpdate, U> {
  /** The inner run's input, from the outer run's state. Asked once, when the inner run starts. */
  readonly input: (state: Readonly<State>, context: NodeContext) => MaybePromise<NoInfer<Input>>;
  /** The node's update, from the state of the inner run when that has completed. */
  readonly output: (
    subState: Readonly<SubState>,
    state: Readonly<State>,
  ) => MaybePromise<U | void>;
  /**
   * What an approval folds into the inner run's state before it goes on, from the outer run's state
   * (the update that came with the approval folded in) and from what was said. Default: nothing.
   */
  readonly update?: (
    state: Readonly<State>,
    said: PauseAnswer,
  ) => MaybePromise<NoInfer<SubUpdate> | undefined>;
}

/**
 * What the updates of a sub-pipeline may hold; inferred so that literal types are kept.
 */
export type UpdateValue = string | number | boolean | bigint | symbol | object | null | undefined;

/**
 * Makes a node that runs another pipeline, as a run of its own with its own history: its id is the
 * task's `taskId`, so it is found and gone on with by every try of the task, and not run again when it
 * had finished. It is kept by the other pipeline's checkpointer, or by the outer one's if that has
 * none, under the other pipeline's name.
 *
 * - If the inner run pauses, the outer one does, for the same reason and until the same time, with the
 *   inner pauses in the payload ({@linkcode SubPipelinePause}), the first of which it stands for. Who
 *   approves or rejects that, with an answer, does so for the inner one; of several inner pauses each
 *   is asked for by a pause of its own, one after the other. An inner rejection without a target
 *   counts as the rejection of the outer pause.
 * - If the inner run fails, the node fails with a {@linkcode SubPipelineError} whose cause is what the
 *   inner node threw. The next try, or a resume of the outer run, goes on with the inner one.
 * - Whoever has the outer run takes over the inner one, whatever lease its last worker holds.
 * - Cancelling the outer run cancels the inner one; deleting or pruning it deletes all that its tasks
 *   ever held. Do not prune the inner pipeline by itself sooner than the outer one: an inner run that is
 *   gone runs again, if its task does.
 *
 * The parameter of `input` has to be annotated, as the compiler looks at a nested call before it knows
 * the state. Options of the node are added by spreading: `{ ...subPipeline(...), timeoutMs: 1_000 }`.
 *
 * @example
 * ```ts
 * import { definePipeline, END, subPipeline, unchecked } from "@firefly/pipeline";
 * import { assertEquals } from "@std/assert";
 *
 * const lengths = definePipeline({
 *   name: "lengths",
 *   state: unchecked<{ text: string; length: number }>(),
 *   nodes: { measure: (state) => ({ length: state.text.length }) },
 *   start: "measure",
 *   edges: { measure: END },
 * });
 *
 * interface Letter {
 *   body: string;
 *   size: number;
 * }
 *
 * const letters = definePipeline({
 *   name: "letters",
 *   state: unchecked<Letter>(),
 *   nodes: {
 *     measure: subPipeline(lengths, {
 *       input: (letter: Letter) => ({ text: letter.body }),
 *       output: (measured) => ({ size: measured.length }),
 *     }),
 *   },
 *   start: "measure",
 *   edges: { measure: END },
 * });
 *
 * assertEquals((await letters.invoke({ body: "Dear Ana" })).state.size, 8);
 * ```
 *
 * @param pipeline The pipeline to run.
 * @param options What goes in and what comes out.
 * @throws {TypeError} If it is no pipeline, or `input` or `output` is no function.
 */
export function subPipeline<
  Input,
  SubState extends object,
  SubUpdate extends object,
  Name extends string,
  State,
  Value extends UpdateValue,
  U extends { readonly [field: string]: Value },
>(
  pipeline: Pipeline<Input, SubState, SubUpdate, Name>,
  options: SubPipelineOptions<State, Input, SubState, SubUpdate, U>,
): NodeOptions<State, U> {
  const inner = innerOf<SubState>(pipeline);
  for (const part of ["input", "output"] as const) {
    if (typeof options[part] === "function") continue;
    throw new TypeError(
      `Cannot run pipeline "${pipeline.name}" inside of a node: ${part} must be a function`,
    );
  }
  const run = (state: Readonly<State>, context: NodeContext) =>
    runNode(inner, options, state, context);
  noteSubRuns(run, subRunsFor(inner));
  return { run, answer: (pause) => answerTo(inner, pause) };
}

async function runNode<State, SubState extends object, U>(
  inner: Inner<SubState>,
  options: SubPipelineOptions<State, unknown, SubState, object, U>,
  state: Readonly<State>,
  context: NodeContext,
): Promise<U | Pause | Rejection | void> {
  const host = hostOf(context);
  if (host === undefined) {
    throw new TypeError(
      `Cannot run pipeline "${inner.caller.plan.name}" inside of node "${context.node}": its node ` +
        "must be what subPipeline made, with its own run",
    );
  }
  const result = await runInside({ inner, host, context }, {
    input: () => options.input(state, context),
    update: (said) => options.update?.(state, said),
  });
  switch (result.status) {
    case "completed":
      return await options.output(result.state, state);
    case "paused":
      return pauseFor(inner.caller.plan.name, result);
    case "rejected":
      return rejected();
    case "drained":
      return UNFINISHED;
    case "cancelled":
      context.signal.throwIfAborted();
      throw new SubPipelineError(inner.caller.plan.name, result);
    case "failed":
      throw new SubPipelineError(inner.caller.plan.name, result, { cause: result.error });
  }
}

function subRunsFor<SubState extends object>({ caller }: Inner<SubState>): SubRuns {
  const nameOf = (runId: string) => ({ pipelineName: caller.plan.name, runId });
  return {
    async cancel(taskId, outer, by, signal) {
      try {
        await cancelRun(caller, caller.checkpointer ?? outer, nameOf(taskId), by, signal);
      } catch (error) {
        if (!(error instanceof RunNotFoundError)) throw error;
      }
    },
    remove: (taskId, outer) => deleteRun(caller.plan, caller.checkpointer ?? outer, nameOf(taskId)),
  };
}
