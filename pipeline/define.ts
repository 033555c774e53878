/**
 * Making a pipeline of a definition.
 *
 * @module
 */

import { rejectPause } from "./approval.ts";
import {
  checkCall,
  type ForkOptions,
  type InvokeOptions,
  type RecoverOptions,
  type ResumeOptions,
} from "./call_options.ts";
import { type Call, makeCaller, runName, store, tracked } from "./caller.ts";
import { resumeRun, startRun } from "./calls.ts";
import { cancelRun } from "./cancel.ts";
import type { PipelineDefinition, Reducers, Update } from "./definition.ts";
import { deleteRun } from "./delete.ts";
import { quoted } from "./errors.ts";
import { tellAll } from "./events.ts";
import { forkRun } from "./fork.ts";
import { historyEntries } from "./history.ts";
import { noteInner } from "./inner.ts";
import { toMermaid } from "./mermaid.ts";
import type { Pipeline, PipelineOptions } from "./pipeline.ts";
import { makePlan } from "./plan.ts";
import { checkRange } from "./planned_node.ts";
import { pruneRuns } from "./prune.ts";
import { recoverRuns, type Recovery } from "./recover.ts";
import type { RunResult } from "./result.ts";
import { pendingPause } from "./run.ts";
import { checkStreamRequest, type EventReader, eventStream } from "./stream.ts";
import { topologyOf } from "./topology.ts";

/**
 * Defines a pipeline: nodes over one typed state, and the edges between them. Everything is
 * checked here, before anything runs.
 *
 * @example
 * ```ts
 * import { append, definePipeline, END, unchecked } from "@firefly/pipeline";
 * import { assertEquals } from "@std/assert";
 *
 * interface Draft {
 *   text: string;
 *   log: string[];
 * }
 *
 * const drafts = definePipeline({
 *   name: "drafts",
 *   state: unchecked<Draft>(),
 *   reducers: { log: append },
 *   nodes: {
 *     write: (state) => ({ text: state.text + "!", log: "written" }),
 *     check: (state) => ({ log: `${state.text.length} characters` }),
 *   },
 *   start: "write",
 *   edges: {
 *     write: "check",
 *     check: { route: (state) => state.text.length < 5 ? "more" : "enough", to: { more: "write", enough: END } },
 *   },
 * });
 *
 * const result = await drafts.invoke({ text: "abc" });
 * assertEquals(result.state.text, "abc!!");
 * ```
 *
 * @throws {TypeError} If a name is empty, a node is missing, an edge leads nowhere, a migration is
 * missing, or `durability` is unknown.
 * @throws {RangeError} If an option is out of its range.
 */
export function definePipeline<
  Input,
  State extends object,
  R extends Reducers<State>,
  Name extends string,
  To extends { readonly [Key in Name]: unknown },
  Reduced extends keyof State = never,
>(
  definition: PipelineDefinition<Input, State, R, Reduced, Name, To>,
  options: PipelineOptions<State> = {},
): Pipeline<Input, State, Update<State, R, Reduced>, Name> {
  const plan = makePlan(definition);
  const { name } = plan;
  const caller = makeCaller(plan, options);
  type Result = RunResult<State>;

  function makeCall(signal?: AbortSignal, reader?: EventReader<State>): Call<State> {
    const observer = options.observe?.(name);
    return {
      signal,
      onEvent: tellAll([options.onEvent, observer?.onEvent, reader?.onEvent]),
      flow: reader?.flow,
      aroundNode: observer?.aroundNode,
    };
  }

  function invoke(
    input: Input,
    { runId = crypto.randomUUID(), startAt, signal }: InvokeOptions<Name>,
    reader?: EventReader<State>,
  ): Promise<Result> {
    const run = runName(name, runId, "start");
    const first = startAt ?? plan.start;
    if (!plan.nodes.has(first)) {
      throw new TypeError(
        `Cannot start run "${runId}" of pipeline "${name}": startAt is "${first}", which is no node; ` +
          `the nodes are ${quoted(plan.nodes.keys())}`,
      );
    }
    return startRun(caller, input, run, first, makeCall(signal, reader));
  }

  function resume(
    runId: string,
    { signal, ...request }: ResumeOptions<Update<State, R, Reduced>>,
    reader?: EventReader<State>,
  ): Promise<Result> {
    const run = runName(name, runId, "resume");
    const checkpointer = store(caller, "resume a run");
    return resumeRun(caller, checkpointer, run, request, makeCall(signal, reader));
  }

  async function recover(
    { limit = Infinity, concurrency = 4, signal }: RecoverOptions,
  ): Promise<readonly Recovery<State>[]> {
    const checkpointer = store(caller, "recover runs");
    if (checkpointer.touch === undefined) {
      throw new TypeError(
        `Cannot recover runs of pipeline "${name}": its checkpointer has no touch, so that nobody ` +
          "can tell whose workers are dead; resume them one by one",
      );
    }
    checkRange(limit, 0, `limit of recover of pipeline "${name}"`);
    checkRange(concurrency, 1, `concurrency of recover of pipeline "${name}"`);
    const { maxRecoveries = 5 } = options;
    const request = { limit, concurrency, maxRecoveries };
    return await recoverRuns(caller, checkpointer, request, makeCall(signal));
  }

  async function fork(
    runId: string,
    { runId: newId = crypto.randomUUID(), signal, ...request }: ForkOptions<
      Update<State, R, Reduced>
    >,
  ): Promise<Result> {
    const run = runName(name, runId, "fork");
    const target = runName(name, newId, "fork to");
    return await forkRun(caller, store(caller, "fork a run"), run, {
      ...request,
      runId: target.runId,
    }, makeCall(signal));
  }

  const pipeline: Pipeline<Input, State, Update<State, R, Reduced>, Name> = {
    name,
    recover: (recoverOptions = {}) =>
      tracked(caller, "recover runs", () => {
        checkCall("recover", recoverOptions, name);
        return recover(recoverOptions);
      }),
    fork: (runId, forkOptions) =>
      tracked(caller, "fork a run", () => {
        checkCall("fork", forkOptions, name);
        return fork(runId, forkOptions);
      }),
    reject: (runId, rejectOptions = {}) =>
      tracked(caller, "reject a pause", async () => {
        checkCall("reject", rejectOptions, name);
        const { signal, ...request } = rejectOptions;
        const run = runName(name, runId, "reject a pause of");
        const checkpointer = store(caller, "reject a pause");
        return await rejectPause(caller, checkpointer, run, request, makeCall(signal));
      }),
    async cancel(runId, cancelOptions = {}) {
      checkCall("cancel", cancelOptions, name);
      return await cancelRun(
        caller,
        store(caller, "cancel a run"),
        runName(name, runId, "cancel"),
        cancelOptions.by,
      );
    },
    async drain() {
      caller.drained.abort();
      while (caller.active.size > 0) await Promise.allSettled(caller.active);
    },
    invoke: (input, invokeOptions = {}) =>
      tracked(caller, "start a run", () => {
        checkCall("invoke", invokeOptions, name);
        return invoke(input, invokeOptions);
      }),
    resume: (runId, resumeOptions = {}) =>
      tracked(caller, "resume a run", () => {
        checkCall("resume", resumeOptions, name);
        return resume(runId, resumeOptions);
      }),
    stream({ signal, ...request }) {
      checkStreamRequest(request, name);
      checkCall(request.resume === undefined ? "streamNew" : "streamStored", request, name);
      return eventStream<State>((reader, cancelled) => {
        const both = {
          ...request,
          signal: signal === undefined ? cancelled : AbortSignal.any([signal, cancelled]),
        };
        return tracked(
          caller,
          "stream a run",
          () =>
            both.resume === undefined
              ? invoke(both.input, both, reader)
              : resume(both.resume, both, reader),
        );
      }, request);
    },
    async *history(runId) {
      yield* historyEntries<State>(store(caller, "read a history").history(name, runId));
    },
    async *listRuns(listOptions = {}) {
      checkCall("listRuns", listOptions, name);
      for await (const run of store(caller, "list runs").listRuns(name, listOptions)) {
        yield { ...run, pauses: run.pauses.map((pause) => pendingPause(pause, pause.node)) };
      }
    },
    async prune(pruneOptions) {
      checkCall("prune", pruneOptions, name);
      return await pruneRuns(caller, store(caller, "prune runs"), pruneOptions);
    },
    async deleteRun(runId) {
      await deleteRun(plan, store(caller, "delete a run"), { pipelineName: name, runId });
    },
    toMermaid: () => toMermaid(topologyOf(plan)),
    toJSON: () => topologyOf(plan),
  };
  noteInner(pipeline, { caller, makeCall });
  return pipeline;
}
