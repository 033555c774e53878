// A process that works on a fan-out: it is told how, and tells after every save that came back which
// tasks it holds as finished. The first task takes longer than all others together.
import { setTimeout as delay } from "node:timers/promises";
import { append, definePipeline, END, send, unchecked } from "../../mod.ts";
import { text } from "../growth.ts";
import { finishedVisits } from "../history_checks.ts";
import { noting } from "../noting_checkpointer.ts";
import { type Address, openStore } from "../places/open.ts";
import { hearOrder } from "../processes/child.ts";
import { answerOf, CENSUS, type Order, WIDTH } from "./order.ts";

const address: Address = JSON.parse(Deno.args[0] ?? "");
await using store = await openStore(address);
const { runId, begun, isLast } = await hearOrder<Order>();

/** So long after all others, even the first task ends: whoever waits for saves waits no longer. */
const LONG_MS = 20_000;

const census = definePipeline({
  name: CENSUS,
  state: unchecked<{ readonly map: string; readonly item: number; readonly log: string[] }>(),
  reducers: { log: append },
  nodes: {
    plan: () => {},
    ask: async ({ item }, { visit }) => {
      Deno.writeTextFileSync(begun, `ask ${visit}\n`, { append: true });
      await delay(item === 0 && !isLast ? LONG_MS : item % 5);
      return { log: answerOf(item) };
    },
    add: () => {},
  },
  start: "plan",
  edges: {
    plan: Array.from({ length: WIDTH }, (_, item) => send("ask", { item })),
    ask: "add",
    add: END,
  },
}, {
  checkpointer: noting(
    store.checkpointer,
    (record) => console.log(JSON.stringify(finishedVisits(record))),
  ),
  concurrency: 20,
});

const isNew = await store.checkpointer.loadLatest(CENSUS, runId) === undefined;
await (isNew
  // What does not change is so large that stores keep changes.
  ? census.invoke({ map: text(20_000, 1), log: [] }, { runId })
  : census.resume(runId, { takeOver: true }));
Deno.exit();
