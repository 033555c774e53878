// A run that version 1 of a pipeline began goes on under version 2. Run: deno task example versions
import { definePipeline, END, MemoryCheckpointer, pause, unchecked } from "@firefly/pipeline";

const checkpointer = new MemoryCheckpointer();

interface Order1 {
  name: string;
  price: number;
}

const orders1 = definePipeline({
  name: "orders",
  state: unchecked<Order1>(),
  nodes: { ask: () => pause("ship it?"), ship: () => {} },
  start: "ask",
  edges: { ask: "ship", ship: END },
}, { checkpointer });

await orders1.invoke({ name: "Ana Sousa", price: 12.5 }, { runId: "42" });

// Weeks later, another version is deployed: names are in two parts, prices in cents, and the
// question has a name of its own.
interface Order2 {
  first: string;
  last: string;
  cents: number;
  receipt: string;
}

const orders2 = definePipeline({
  name: "orders",
  version: 2,
  migrate: {
    1: ({ name, price }: Order1): Order2 => {
      const [first = "", last = ""] = name.split(" ");
      return { first, last, cents: price * 100, receipt: "" };
    },
  },
  renamed: { ask: "approval" },
  state: unchecked<Order2>(),
  nodes: {
    approval: () => pause("ship it?"),
    ship: ({ first, cents }) => ({ receipt: `${first} pays ${cents} cents` }),
  },
  start: "approval",
  edges: { approval: "ship", ship: END },
}, { checkpointer });

// The id of the pause was handed out by version 1.
const approval = { approvePause: true, pauseId: "ask#1" } as const;
console.log((await orders2.resume("42", approval)).state.receipt);

for await (const { sequence, version, state } of orders2.history("42")) {
  console.log(`${sequence}  version ${version}  ${Object.keys(state).join(", ")}`);
}

// A worker that still has version 1 leaves it alone.
await orders1.resume("42").catch((error) => console.log(error.name));
