// A pipeline as a node of another one: what pauses inside is approved outside, and nothing that had
// finished runs again. Run: deno task example sub_pipeline
import {
  append,
  definePipeline,
  END,
  MemoryCheckpointer,
  pause,
  send,
  subPipeline,
  unchecked,
} from "@firefly/pipeline";

const checkpointer = new MemoryCheckpointer();

/** Books one city; rooms that cost much are asked about. */
const booking = definePipeline({
  name: "booking",
  state: unchecked<{ city: string; price: number; room: string }>(),
  nodes: {
    offer: ({ city }) => {
      console.log(`  looks for a room in ${city}`);
      return { price: city.length * 30 };
    },
    ask: ({ city, price }) => pause(`${city} for ${price}?`),
    book: ({ city }) => ({ room: `a room in ${city}` }),
    sleepOutside: ({ city }) => ({ room: `a park in ${city}` }),
  },
  start: "offer",
  edges: {
    offer: {
      route: ({ price }) => price > 150 ? "dear" : "cheap",
      to: { dear: "ask", cheap: "book" },
    },
    ask: { route: () => "book", to: ["book"], rejected: "sleepOutside" },
    book: END,
    sleepOutside: END,
  },
}, { checkpointer });

interface Trip {
  city: string;
  rooms: string[];
}

const trip = definePipeline({
  name: "trip",
  state: unchecked<Trip>(),
  reducers: { rooms: append },
  nodes: {
    plan: () => {},
    sleep: subPipeline(booking, {
      input: ({ city }: Trip) => ({ city }),
      output: ({ room }) => ({ rooms: room }),
    }),
  },
  start: "plan",
  edges: {
    plan: ["Rome", "Oslo", "Bordeaux", "Amsterdam"].map((city) => send("sleep", { city })),
    sleep: END,
  },
}, { checkpointer });

let result = await trip.invoke({ city: "", rooms: [] }, { runId: "may" });
while (result.status === "paused") {
  const [asked] = result.pauses;
  const isFine = asked?.reason.startsWith("Amsterdam") === true;
  console.log(`  ${asked?.reason} ${isFine ? "yes" : "no"}`);
  // Hours may pass here, and this may be another process.
  result = isFine
    ? await trip.resume("may", { approvePause: true, pauseId: asked?.id, by: "ana" })
    : await trip.reject("may", { pauseId: asked?.id, by: "ana" });
}
console.log(result.state.rooms.join(", "));

// Each inner run has a history of its own, under the id of its task.
const inner = await Array.fromAsync(booking.history("trip/may/sleep/3"));
console.log(inner.reverse().map(({ nodeId }) => nodeId).join(" > "));
await trip.deleteRun("may");
console.log(`${(await Array.fromAsync(booking.listRuns())).length} inner runs are left`);
