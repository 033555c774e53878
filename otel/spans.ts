/**
 * What the events of a run mean for its spans.
 *
 * @module
 */

import {
  type Attributes,
  type Context,
  context,
  type Span,
  SpanStatusCode,
  trace,
  type Tracer,
} from "@opentelemetry/api";
import type { RunEvent, TaskEvent } from "../pipeline/events.ts";
import { errorRecord } from "../pipeline/error_record.ts";

/** The spans of one call that works on a run. */
export interface CallSpans {
  /** That of the call. */
  readonly span: Span;
  /** What the spans of its tasks are made in: below that of the call. */
  readonly below: Context;
  /** Those of the tasks under way, by {@linkcode taskKey}. */
  readonly tasks: Map<string, Span>;
}

type EventOf<Type extends RunEvent["type"]> = RunEvent & { readonly type: Type };

/** Tells the visits of one run apart. */
export function taskKey({ node, visit }: Pick<TaskEvent, "node" | "visit">): string {
  return `${visit} ${node}`;
}

/** Starts the span of a call, below the one that is active. */
export function startRun(
  tracer: Tracer,
  pipelineName: string,
  { runId, resumed }: EventOf<"runStarted">,
): CallSpans {
  const attributes = {
    "firefly.pipeline": pipelineName,
    "firefly.run.id": runId,
    "firefly.run.resumed": resumed,
  };
  const span = tracer.startSpan(`pipeline ${pipelineName}`, { attributes });
  return { span, below: trace.setSpan(context.active(), span), tasks: new Map() };
}

/** Starts the span of a task. */
export function startTask(
  tracer: Tracer,
  { below, tasks }: CallSpans,
  event: EventOf<"taskStarted">,
): void {
  const { runId, node, visit } = event;
  // Each attribute is set once: Deno's spans keep what was set before beside what is set later.
  const attributes = { "firefly.run.id": runId, "firefly.node": node, "firefly.visit": visit };
  tasks.set(taskKey(event), tracer.startSpan(`node ${node}`, { attributes }, below));
}

/** Notes that an attempt of a task failed and another one follows. */
export function noteRetry({ tasks }: CallSpans, event: EventOf<"taskRetried">): void {
  const { attempt, delayMs, error } = event;
  tasks.get(taskKey(event))?.addEvent("retry", {
    "firefly.attempt": attempt,
    "firefly.retry.delay_ms": delayMs,
    ...exceptionAttributes(error),
  });
}

/** Ends the span of a task. */
export function endTask(
  { tasks }: CallSpans,
  event: EventOf<"taskFinished" | "taskPaused" | "taskFailed">,
): void {
  const key = taskKey(event);
  const span = tasks.get(key);
  if (span === undefined) return;
  tasks.delete(key);
  span.setAttribute("firefly.attempt", event.attempt);
  span.setAttribute("firefly.task.status", event.type.slice("task".length).toLowerCase());
  if (event.type === "taskPaused") span.setAttribute("firefly.pause.reason", event.reason);
  if (event.type === "taskFailed") recordError(span, event.error);
  span.end();
}

/** Notes that a checkpoint was saved. */
export function noteCheckpoint({ span }: CallSpans, event: EventOf<"checkpointSaved">): void {
  span.addEvent("checkpoint saved", {
    "firefly.checkpoint.sequence": event.sequence,
    "firefly.checkpoint.node": event.nodeId,
    "firefly.checkpoint.duration_ms": event.durationMs,
  });
}

/** Ends the span of a call. */
export function endRun(
  { span }: CallSpans,
  event: EventOf<"runEnded" | "runInterrupted">,
): void {
  const status = event.type === "runEnded" ? event.result.status : "interrupted";
  span.setAttribute("firefly.run.status", status);
  if (event.type === "runInterrupted") recordError(span, event.error);
  else if (event.result.status === "failed") recordError(span, event.result.error);
  span.end();
}

function recordError(span: Span, error: unknown): void {
  const exception = errorRecord(error);
  span.recordException(exception);
  span.setStatus({ code: SpanStatusCode.ERROR, message: exception.message });
}

/** The attributes of the semantic conventions for what was thrown. */
function exceptionAttributes(error: unknown): Attributes {
  const { name, message } = errorRecord(error);
  return { "exception.type": name, "exception.message": message };
}
