/**
 * The events of one call as a web stream.
 *
 * @module
 */

import type { EventHandler, RunEvent } from "./events.ts";
import type { Flow } from "./flow.ts";
import { checkRange } from "./planned_node.ts";
import type { RunResult } from "./result.ts";

/** Options of a stream of events. */
export interface EventStreamOptions {
  /**
   * What becomes of the run when the reader cancels the stream: `"cancel"` cancels it, and it stays
   * resumable; `"detach"` lets it go on in this process without a reader. Default `"cancel"`.
   */
  readonly onCancel?: "cancel" | "detach";
  /**
   * Events that may wait for the reader before the run waits for it. Default 64.
   */
  readonly highWaterMark?: number;
}

/** The reader of a stream, as a call sees it. */
export interface EventReader<State> {
  /** Is told every event. */
  readonly onEvent: EventHandler<State>;
  /** Holds the run back. */
  readonly flow: Flow;
}

/**
 * Looks at what callers without a compiler may pass.
 *
 * @throws {TypeError} If it names neither an input nor a run to resume, or both, or `onCancel` is
 * unknown.
 * @throws {RangeError} If `highWaterMark` is no number of at least 1.
 */
export function checkStreamRequest(
  request: EventStreamOptions & { readonly input?: unknown; readonly resume?: unknown },
  pipelineName: string,
): void {
  const { onCancel = "cancel", highWaterMark = 1, input, resume } = request;
  const isClear = resume === undefined ? "input" in request : input === undefined;
  if (!isClear) {
    throw new TypeError(
      `Cannot stream pipeline "${pipelineName}": pass either the input of a new run, or resume with ` +
        "the id of a stored one",
    );
  }
  checkRange(highWaterMark, 1, `highWaterMark of stream of pipeline "${pipelineName}"`);
  if (onCancel === "cancel" || onCancel === "detach") return;
  throw new TypeError(
    `Cannot stream pipeline "${pipelineName}": onCancel is ${JSON.stringify(onCancel)}, and must ` +
      'be "cancel" or "detach"',
  );
}

/**
 * Makes a stream of the events of a call. The call starts at once; its error, if it throws, is the
 * stream's, once all events before it were read.
 *
 * @param call Does the call with the reader and the signal that it is given.
 */
export function eventStream<State>(
  call: (reader: EventReader<State>, signal: AbortSignal) => Promise<unknown>,
  { onCancel = "cancel", highWaterMark = 64 }: EventStreamOptions,
): ReadableStream<RunEvent<State>> {
  const cancelled = new AbortController();
  let hasLeft = false;
  let room: PromiseWithResolvers<void> | undefined;
  let failure: { readonly error: unknown } | undefined;

  const makeRoom = () => {
    room?.resolve();
    room = undefined;
  };
  /** An error drops what the reader has not read yet, so it comes when nothing is left. */
  const failWhenRead = (controller: ReadableStreamDefaultController<RunEvent<State>>) => {
    if (failure !== undefined && controller.desiredSize === highWaterMark) {
      controller.error(failure.error);
    }
  };

  return new ReadableStream<RunEvent<State>>({
    async start(controller) {
      const isFull = () => !hasLeft && (controller.desiredSize ?? 0) <= 0;
      const reader: EventReader<State> = {
        onEvent: (event) => hasLeft || controller.enqueue(event),
        flow: {
          isFull,
          room: () => isFull() ? (room ??= Promise.withResolvers()).promise : Promise.resolve(),
        },
      };
      // Not awaited: a stream whose start is pending hands out nothing.
      await Promise.resolve();
      call(reader, cancelled.signal).then(
        () => hasLeft || controller.close(),
        (error: unknown) => {
          failure = { error };
          if (!hasLeft) failWhenRead(controller);
          else if (onCancel === "detach") console.error("A run that its reader left failed", error);
        },
      );
    },
    pull(controller) {
      makeRoom();
      failWhenRead(controller);
    },
    cancel(reason) {
      hasLeft = true;
      makeRoom();
      if (onCancel === "cancel") cancelled.abort(reason);
    },
  }, new CountQueuingStrategy({ highWaterMark }));
}

/**
 * Reads a stream of events to its end, for who only wants the result.
 *
 * @throws What the call threw.
 * @throws {TypeError} If the stream ends without a result.
 */
export async function resultOf<State>(
  events: ReadableStream<RunEvent<State>>,
): Promise<RunResult<State>> {
  let result: RunResult<State> | undefined;
  for await (const event of events) {
    if (event.type === "runEnded") result = event.result;
  }
  if (result !== undefined) return result;
  throw new TypeError(
    "Cannot tell the result of a stream that ended without one: hand in the whole stream that " +
      "stream() returned",
  );
}
