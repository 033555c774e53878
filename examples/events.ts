// A run's events in a browser: a client that loses its connection comes back and misses nothing.
// Run: deno task example events
import { definePipeline, END, MemoryCheckpointer, unchecked } from "@firefly/pipeline";
import { eventStreamResponse, followResponse } from "@firefly/pipeline/http";

const report = definePipeline({
  name: "report",
  state: unchecked<{ chapter: number; text: string }>(),
  nodes: {
    write: async ({ chapter = 0, text = "" }, { emit }) => {
      const words = ["Once", "upon", "a", "time"];
      for (const word of words) await emit(word); // waits for a reader that is slow
      return { chapter: chapter + 1, text: `${text}${words.join(" ")}. ` };
    },
  },
  start: "write",
  edges: { write: ({ chapter }) => chapter < 3 ? "write" : END },
}, { checkpointer: new MemoryCheckpointer() });

/** Starts a run for who asks for the first time, and lets those who come back follow it. */
async function handle(request: Request): Promise<Response> {
  const lastEventId = request.headers.get("last-event-id");
  if (lastEventId !== null) {
    return await followResponse(report, "r", { lastEventId, pollMs: 20 });
  }
  const events = report.stream({ input: {}, runId: "r", onCancel: "detach" });
  return loseConnection(eventStreamResponse(events, { retryMs: 50 }));
}

/** A network that fails in the middle of the first chapter. */
function loseConnection(response: Response): Response {
  let left = 8;
  const lossy = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform: (chunk, controller) =>
      left-- > 0 ? controller.enqueue(chunk) : controller.terminate(),
  });
  return new Response(response.body?.pipeThrough(lossy), response);
}

const server = Deno.serve({ port: 0, onListen() {} }, handle);

// From here on it is what a page does; Deno has the browser's EventSource.
const source = new EventSource(`http://localhost:${server.addr.port}/`);
const show = ({ data, lastEventId }: MessageEvent) => {
  const { type, value = "", result } = JSON.parse(data);
  console.log(`${lastEventId.padEnd(6)} ${type} ${result?.status ?? value}`.trimEnd());
};
for (const type of ["custom", "checkpointSaved", "runEnded"]) source.addEventListener(type, show);

await new Promise<void>((resolve) => {
  source.onerror = () => {
    const isOver = source.readyState === EventSource.CLOSED;
    console.log(isOver ? "       (told not to come back)" : "       (disconnected)");
    if (isOver) resolve();
  };
});
await server.shutdown();
