/**
 * Following a stored run from outside: what was stored after a checkpoint, and what is stored from now
 * on, whichever process works on the run.
 *
 * @module
 */

import { RunNotFoundError } from "../pipeline/errors.ts";
import type { RunEvent } from "../pipeline/events.ts";
import type { HistoryEntry } from "../pipeline/history.ts";
import { checkRange } from "../pipeline/planned_node.ts";
import type { RunResult } from "../pipeline/result.ts";
import { wait } from "../pipeline/wait.ts";

/** The part of a pipeline that is needed to follow its runs. */
export interface FollowedPipeline<State> {
  /** Name of the pipeline. */
  readonly name: string;
  /** Yields the stored checkpoints of a run, newest first. */
  history(runId: string): AsyncIterable<HistoryEntry<State>>;
}

/** An event that the store can tell of: a checkpoint, or that the run stands still. */
export type StoredRunEvent<State> =
  | (
    & Omit<RunEvent<State> & { readonly type: "checkpointSaved" }, "durationMs">
    & {
      /** Time of the save, ISO 8601 in UTC. */
      readonly savedAt: string;
    }
  )
  | (RunEvent<State> & { readonly type: "runEnded" });

/** Options of `followRun`. */
export interface FollowOptions {
  /** The sequence of the last checkpoint that is known already. Default: none is. */
  readonly after?: number;
  /** Milliseconds between two looks at the store while the run goes on. Default 1,000. */
  readonly pollMs?: number;
}

/**
 * Yields a `checkpointSaved` for every stored checkpoint after a known one, oldest first, and goes on
 * with those that are stored meanwhile. When the run completes, pauses, fails or is cancelled the last
 * event is a `runEnded` with the result, in which errors are plain data. Tasks and custom events are
 * not stored: they are in the stream of the call itself.
 *
 * The run may be worked on anywhere: the store is looked at again and again. Cancelling the stream
 * leaves the run alone.
 *
 * The stream's error is a `RunNotFoundError` if there is no such run, and what the store throws.
 *
 * @throws {RangeError} If an option is out of its range.
 */
export function followRun<State>(
  pipeline: FollowedPipeline<State>,
  runId: string,
  { after = -1, pollMs = 1_000 }: FollowOptions = {},
): ReadableStream<StoredRunEvent<State>> {
  const where = `followRun of pipeline "${pipeline.name}"`;
  checkRange(after, -1, `after of ${where}`);
  checkRange(pollMs, 1, `pollMs of ${where}`);
  const left = new AbortController();
  const events = storedEvents(pipeline, runId, { after, pollMs }, left.signal);
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await events.next();
      if (left.signal.aborted) return;
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: () => left.abort(),
  }, { highWaterMark: 0 });
}

/** What a look at the store brings. */
export interface NewCheckpoints<State> {
  /** Those after the known one, oldest first. */
  readonly events: readonly (StoredRunEvent<State> & { readonly type: "checkpointSaved" })[];
  /** The latest one; there is none of an unknown run. */
  readonly latest?: HistoryEntry<State>;
}

/** Looks at what was stored after a checkpoint. */
export async function checkpointsAfter<State>(
  pipeline: FollowedPipeline<State>,
  runId: string,
  after: number,
): Promise<NewCheckpoints<State>> {
  const events: NewCheckpoints<State>["events"][number][] = [];
  let latest: HistoryEntry<State> | undefined;
  for await (const entry of pipeline.history(runId)) {
    latest ??= entry;
    const { sequence, nodeId, status, savedAt } = entry;
    if (sequence <= after) break;
    events.push({ type: "checkpointSaved", runId, sequence, nodeId, status, savedAt });
  }
  return { events: events.reverse(), latest };
}

async function* storedEvents<State>(
  pipeline: FollowedPipeline<State>,
  runId: string,
  { after, pollMs }: Required<FollowOptions>,
  signal: AbortSignal,
): AsyncGenerator<StoredRunEvent<State>, void> {
  let known = after;
  while (!signal.aborted) {
    const { events, latest } = await checkpointsAfter(pipeline, runId, known);
    if (latest === undefined) {
      throw new RunNotFoundError({ pipelineName: pipeline.name, runId }, "follow");
    }
    yield* events;
    known = Math.max(known, latest.sequence);
    if (latest.status !== "running") {
      yield { type: "runEnded", runId, result: storedResult(runId, latest) };
      return;
    }
    await wait(pollMs, signal);
  }
}

/** The result of a run that stands still, as far as its latest checkpoint tells it. */
function storedResult<State>(runId: string, entry: HistoryEntry<State>): RunResult<State> {
  const { state, completedNodes, status, pauses, failures, nodeId } = entry;
  const base = { runId, state, completedNodes };
  switch (status) {
    case "paused":
      return { ...base, status, pauses };
    case "failed": {
      const [first] = failures;
      return { ...base, status, failedNode: first?.node ?? nodeId, error: first?.error, failures };
    }
    case "cancelled":
      return { ...base, status };
    default:
      return { ...base, status: "completed" };
  }
}
