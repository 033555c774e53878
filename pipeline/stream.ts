/**
 * The events of one call as a web stream.
 *
 * @module
 */

import type { EventHandler, RunEvent } from "./events.ts";

/**
 * Makes a stream of the events of a call. The call starts at once; its error, if it throws, is the
 * stream's. Cancelling the stream cancels the run, which stays resumable.
 *
 * @param call Does the call with the handler and signal that it is given.
 */
export function eventStream<State>(
  call: (onEvent: EventHandler<State>, signal: AbortSignal) => Promise<unknown>,
): ReadableStream<RunEvent<State>> {
  const cancelled = new AbortController();
  return new ReadableStream<RunEvent<State>>({
    async start(controller) {
      // Not awaited: a stream whose start is pending hands out nothing.
      await Promise.resolve();
      call((event) => {
        if (!cancelled.signal.aborted) controller.enqueue(event);
      }, cancelled.signal).then(
        () => cancelled.signal.aborted || controller.close(),
        (error: unknown) => controller.error(error),
      );
    },
    cancel(reason) {
      cancelled.abort(reason);
    },
  });
}
