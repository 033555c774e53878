/**
 * Runs as OpenTelemetry traces: a span for each call that works on a run, and below it one for each
 * task. What a node does with instrumented libraries, or with spans of its own, attaches below its
 * task's span.
 *
 * Spans go wherever the process sends its telemetry: to the SDK that it registered, or, with
 * `OTEL_DENO=true`, to Deno's own exporter (https://docs.deno.com/runtime/fundamentals/open_telemetry/).
 * Without either, nothing is recorded.
 *
 * @example
 * ```ts no-eval
 * import { definePipeline, END, unchecked } from "@firefly/pipeline";
 * import { withTracing } from "@firefly/pipeline/otel";
 *
 * const hello = definePipeline({
 *   name: "hello",
 *   state: unchecked<{ name: string; greeting: string }>(),
 *   nodes: { greet: (state) => ({ greeting: `Hello, ${state.name}!` }) },
 *   start: "greet",
 *   edges: { greet: END },
 * }, withTracing());
 * await hello.invoke({ name: "Ada" }); // the spans "pipeline hello" and, below it, "node greet"
 * ```
 *
 * @module
 */

import { context, trace, type Tracer } from "@opentelemetry/api";
import type { AroundNode } from "../pipeline/definition.ts";
import { type EventHandler, type RunObserver, tellAll } from "../pipeline/events.ts";
import type { PipelineOptions } from "../pipeline/pipeline.ts";
import {
  type CallSpans,
  endRun,
  endTask,
  noteCheckpoint,
  noteRetry,
  startRun,
  startTask,
  taskKey,
} from "./spans.ts";

/**
 * The options of a pipeline whose runs are traced. The attributes of the spans are `firefly.pipeline`,
 * `firefly.run.id`, `firefly.run.resumed` and `firefly.run.status`, and for tasks `firefly.node`,
 * `firefly.visit`, `firefly.attempt` and `firefly.task.status`; errors are recorded as exceptions,
 * attempts that failed and checkpoints as events. A call's span attaches below the one that is active
 * where the call is made.
 *
 * @param options All other options of the pipeline.
 */
export function withTracing<State>(
  options: PipelineOptions<State> = {},
): PipelineOptions<State> {
  return {
    ...options,
    observe(pipelineName) {
      const traced = traceCall<State>(trace.getTracer("@firefly/pipeline"), pipelineName);
      const other = options.observe?.(pipelineName);
      return other === undefined ? traced : both(traced, other);
    },
  };
}

function both<State>(one: RunObserver<State>, other: RunObserver<State>): RunObserver<State> {
  const [outer, inner] = [one.aroundNode, other.aroundNode];
  const nested: AroundNode = (context, work) => {
    const inside = () => inner === undefined ? work() : inner(context, work);
    return outer === undefined ? inside() : outer(context, inside);
  };
  return { onEvent: tellAll([one.onEvent, other.onEvent]), aroundNode: nested };
}

function traceCall<State>(tracer: Tracer, pipelineName: string): RunObserver<State> {
  /** One run, or those of a `recover`. */
  const runs = new Map<string, CallSpans>();

  const onEvent: EventHandler<State> = (event) => {
    const { runId } = event;
    if (event.type === "runStarted") {
      runs.set(runId, startRun(tracer, pipelineName, event));
      return;
    }
    const run = runs.get(runId);
    if (run === undefined) return;
    switch (event.type) {
      case "taskStarted":
        return startTask(tracer, run, event);
      case "taskRetried":
        return noteRetry(run, event);
      case "taskFinished":
      case "taskPaused":
      case "taskFailed":
        return endTask(run, event);
      case "checkpointSaved":
        return noteCheckpoint(run, event);
      case "runEnded":
      case "runInterrupted":
        runs.delete(runId);
        return endRun(run, event);
    }
  };

  return {
    onEvent,
    aroundNode(task, work) {
      const span = runs.get(task.runId)?.tasks.get(taskKey(task));
      return span === undefined
        ? work()
        : context.with(trace.setSpan(context.active(), span), work);
    },
  };
}
