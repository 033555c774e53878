/**
 * The events of runs over HTTP: as the response to the request that starts a run, and for clients that
 * come back to one.
 *
 * @example A run that goes on when its client goes away, and a client that comes back
 * ```ts no-eval
 * import { definePipeline, END, unchecked } from "@firefly/pipeline";
 * import { FileCheckpointer } from "@firefly/pipeline/file";
 * import { eventStreamResponse, followResponse } from "@firefly/pipeline/http";
 *
 * const hello = definePipeline({
 *   name: "hello",
 *   state: unchecked<{ name: string; greeting: string }>(),
 *   nodes: { greet: (state) => ({ greeting: `Hello, ${state.name}!` }) },
 *   start: "greet",
 *   edges: { greet: END },
 * }, { checkpointer: new FileCheckpointer("./checkpoints") });
 *
 * Deno.serve(async (request) => {
 *   const runId = new URL(request.url).pathname.slice(1);
 *   if (request.method === "POST") {
 *     const input = await request.json();
 *     return eventStreamResponse(hello.stream({ input, runId, onCancel: "detach" }));
 *   }
 *   // new EventSource(`/${runId}`) in the browser.
 *   const lastEventId = request.headers.get("last-event-id");
 *   return await followResponse(hello, runId, { lastEventId });
 * });
 * ```
 *
 * @module
 */

export {
  eventStreamResponse,
  type EventStreamResponseOptions,
  type SentEvent,
} from "./event_stream.ts";
export {
  type FollowedPipeline,
  type FollowOptions,
  followRun,
  type StoredRunEvent,
} from "./follow.ts";
export { followResponse, type FollowResponseOptions } from "./follow_response.ts";
