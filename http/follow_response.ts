/**
 * The answer to a client that comes back to the events of a run.
 *
 * @module
 */

import { RunNotFoundError } from "../pipeline/errors.ts";
import { parseEventId } from "./event_id.ts";
import { eventStreamResponse, type EventStreamResponseOptions } from "./event_stream.ts";
import {
  checkpointsAfter,
  type FollowedPipeline,
  type FollowOptions,
  followRun,
} from "./follow.ts";

/** Options of `followResponse`. */
export interface FollowResponseOptions<State>
  extends EventStreamResponseOptions<State>, Pick<FollowOptions, "pollMs"> {
  /** The request's `Last-Event-ID`, as it came: `request.headers.get("last-event-id")`. */
  readonly lastEventId?: string | null;
}

/**
 * Answers a browser's `EventSource`, at first or when it reconnects: with the checkpoints that were
 * stored after the last one that it knows, and with those to come, wherever the run is worked on.
 *
 * A client that was told of the end is answered with 204 while the run stands where it stood, which
 * makes an `EventSource` stop asking. A `Last-Event-ID` that is none of ours is answered with 400.
 *
 * @throws {RunNotFoundError} If there is no such run.
 * @throws {RangeError} If an option is out of its range.
 */
export async function followResponse<State>(
  pipeline: FollowedPipeline<State>,
  runId: string,
  options: FollowResponseOptions<State> = {},
): Promise<Response> {
  const { lastEventId, pollMs, ...response } = options;
  const seen = lastEventId ? parseEventId(lastEventId) : undefined;
  if (lastEventId && seen === undefined) {
    const message =
      `Cannot follow run "${runId}": ${JSON.stringify(lastEventId)} is no id of its ` +
      "events; send the Last-Event-ID of one, or none";
    return new Response(message, { status: 400 });
  }
  const after = seen?.sequence ?? -1;
  const events = followRun(pipeline, runId, { after, pollMs });
  const { latest } = await checkpointsAfter(pipeline, runId, Infinity);
  if (latest === undefined) {
    throw new RunNotFoundError({ pipelineName: pipeline.name, runId }, "follow");
  }
  const isOver = seen?.isEnd && latest.status !== "running" && latest.sequence <= after;
  return isOver ? new Response(null, { status: 204 }) : eventStreamResponse(events, response);
}
