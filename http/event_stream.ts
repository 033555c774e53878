/**
 * The events of a run as the response to a request: server-sent events, as a browser's `EventSource`
 * reads them.
 *
 * @module
 */

import type { RunEvent } from "../pipeline/events.ts";
import { checkRange } from "../pipeline/planned_node.ts";
import type { StoredRunEvent } from "./follow.ts";
import { endId } from "./event_id.ts";
import { type Frame, frameText, KEEP_ALIVE, retryText } from "./frame.ts";
import { plainJson } from "./plain_json.ts";

/** An event that can be sent: one that happens, or one of the stored past. */
export type SentEvent<State> = RunEvent<State> | StoredRunEvent<State>;

/** Options of a response of server-sent events. */
export interface EventStreamResponseOptions<State> {
  /**
   * The text of an event's data, of as many lines as it may have; `undefined` sends nothing of it.
   * What it throws ends the response. Default: the event as JSON, with what was thrown as
   * `{ name, message }`.
   */
  readonly data?: (event: SentEvent<State>) => string | undefined;
  /** After how many milliseconds without an event a comment is sent. Default 15,000. */
  readonly keepAliveMs?: number;
  /** After how many milliseconds a client that lost its connection comes back. Default 1,000. */
  readonly retryMs?: number;
  /** Headers besides those of server-sent events, which they may replace. */
  readonly headers?: HeadersInit;
}

/** Servers and proxies are not to keep, pack or hold back what is meant to arrive at once. */
const HEADERS = {
  "content-type": "text/event-stream",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
} as const;

/**
 * Makes a stream of events a response: each event under its type, with itself as JSON. The id of
 * `checkpointSaved` is its sequence, so that a client that reconnects says up to which checkpoint it
 * knows the run; `followResponse` answers it. What the stream's call throws is sent as
 * `runInterrupted`, and ends the response.
 *
 * The response is read at the pace of its client, and the run waits for it as it does for any reader
 * of `stream`. When the client goes away the stream is cancelled: pass `onCancel: "detach"` to
 * `stream` for a run that is to go on.
 *
 * @example
 * ```ts
 * import { definePipeline, END, unchecked } from "@firefly/pipeline";
 * import { eventStreamResponse } from "@firefly/pipeline/http";
 *
 * const hello = definePipeline({
 *   name: "hello",
 *   state: unchecked<{ name: string; greeting: string }>(),
 *   nodes: { greet: (state) => ({ greeting: `Hello, ${state.name}!` }) },
 *   start: "greet",
 *   edges: { greet: END },
 * });
 * const response = eventStreamResponse(hello.stream({ input: { name: "Ada" } }));
 * console.log(await response.text());
 * ```
 *
 * @throws {TypeError} If the stream is being read, or was.
 * @throws {RangeError} If an option is out of its range.
 */
export function eventStreamResponse<State>(
  events: ReadableStream<SentEvent<State>>,
  options: EventStreamResponseOptions<State> = {},
): Response {
  const { keepAliveMs = 15_000, retryMs = 1_000, headers } = options;
  checkRange(keepAliveMs, 1, "keepAliveMs of eventStreamResponse");
  checkRange(retryMs, 0, "retryMs of eventStreamResponse");
  if (events.locked) {
    throw new TypeError(
      "Cannot respond with a stream of events that is being read: hand in what stream() returned, " +
        "or a branch of its tee()",
    );
  }
  const all = new Headers(HEADERS);
  for (const [name, value] of new Headers(headers)) all.set(name, value);
  const body = bodyOf(events, { keepAliveMs, retryMs, toFrame: framing(options.data) });
  return new Response(body, { headers: all });
}

/** Makes frames of the events of one stream, which it has to be given in order. */
function framing<State>(
  data: EventStreamResponseOptions<State>["data"] = jsonOf,
): (event: SentEvent<State>) => Frame {
  let sequence: number | undefined;
  return (event) => {
    if (event.type === "checkpointSaved") sequence = event.sequence;
    return { id: idOf(event, sequence), event: event.type, data: data(event) };
  };
}

function idOf<State>({ type }: SentEvent<State>, sequence: number | undefined): string | undefined {
  if (sequence === undefined) return undefined;
  if (type === "checkpointSaved") return `${sequence}`;
  return type === "runEnded" ? endId(sequence) : undefined;
}

/** An event as JSON; one that has none says so, and ends nothing. */
function jsonOf<State>(event: SentEvent<State>): string {
  try {
    return plainJson(event);
  } catch (error) {
    const { type, runId } = event;
    return plainJson({ type, runId, unsent: error });
  }
}

interface BodyOptions<State> {
  readonly keepAliveMs: number;
  readonly retryMs: number;
  readonly toFrame: (event: SentEvent<State>) => Frame;
}

function bodyOf<State>(
  events: ReadableStream<SentEvent<State>>,
  { keepAliveMs, retryMs, toFrame }: BodyOptions<State>,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const reader = events.getReader();
  const texts = textsOf(reader, toFrame);
  const encoder = new TextEncoder();
  let timer: ReturnType<typeof setInterval> | undefined;
  let isQuiet = true;
  let hasLeft = false;

  return new ReadableStream({
    start(controller) {
      controller.enqueue(encoder.encode(retryText(retryMs)));
      timer = setInterval(() => {
        // Nothing to read is nothing on its way.
        const isIdle = isQuiet && (controller.desiredSize ?? 0) > 0;
        if (isIdle) controller.enqueue(encoder.encode(KEEP_ALIVE));
        isQuiet = true;
      }, keepAliveMs);
    },
    async pull(controller) {
      try {
        const { done, value } = await texts.next();
        if (hasLeft) return;
        isQuiet = false;
        if (!done) return controller.enqueue(encoder.encode(value));
        clearInterval(timer);
        controller.close();
      } catch (error) {
        clearInterval(timer);
        await reader.cancel(error);
        throw error;
      }
    },
    async cancel(reason) {
      hasLeft = true;
      clearInterval(timer);
      await reader.cancel(reason);
    },
  });
}

async function* textsOf<State>(
  reader: ReadableStreamDefaultReader<SentEvent<State>>,
  toFrame: (event: SentEvent<State>) => Frame,
): AsyncGenerator<string> {
  let last: SentEvent<State> | undefined;
  for (;;) {
    last = await nextEvent(reader, last);
    if (last === undefined) return;
    const text = frameText(toFrame(last));
    if (text !== "") yield text;
  }
}

/** The next event. What the call threw is one as well, where none has told it. */
async function nextEvent<State>(
  reader: ReadableStreamDefaultReader<SentEvent<State>>,
  last: SentEvent<State> | undefined,
): Promise<SentEvent<State> | undefined> {
  try {
    return (await reader.read()).value;
  } catch (error) {
    if (last?.type === "runInterrupted") return undefined;
    return { type: "runInterrupted", runId: last?.runId ?? "", error };
  }
}
