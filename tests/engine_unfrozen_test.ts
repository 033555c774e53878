import { assertEquals } from "@std/assert";
import { definePipeline, END, MemoryCheckpointer, unchecked } from "../mod.ts";

interface Visits {
  seen: Set<number>;
  times: Date[];
  byName: { counts: Map<string, number> };
}

/** Changes in place what the language cannot freeze, then fails once. */
function careless(checkpointer: MemoryCheckpointer) {
  let isBroken = true;
  return definePipeline({
    name: "careless",
    state: unchecked<Visits>(),
    nodes: {
      returned: ({ seen }) => {
        seen.add(seen.size);
        return { seen };
      },
      kept: ({ times, byName }) => {
        times[0]?.setUTCFullYear(2030);
        byName.counts.set("a", (byName.counts.get("a") ?? 0) + 1);
      },
      grown: ({ times }) => ({ times: [...times, new Date(0)] }),
      check: () => {
        if (isBroken) {
          isBroken = false;
          throw new Error("not yet");
        }
      },
    },
    start: "returned",
    edges: { returned: "kept", kept: "grown", grown: "check", check: END },
  }, { checkpointer });
}

Deno.test("what is changed in place and cannot be frozen is stored as the nodes see it", async () => {
  const pipeline = careless(new MemoryCheckpointer());
  const input = { seen: new Set<number>(), times: [new Date(0)], byName: { counts: new Map() } };
  const failed = await pipeline.invoke(input, { runId: "r" });
  const { state } = await pipeline.resume("r");
  assertEquals(state, failed.state);
  assertEquals(state, {
    seen: new Set([0]),
    times: [new Date("2030-01-01"), new Date(0)],
    byName: { counts: new Map([["a", 1]]) },
  });
});

Deno.test("the caller's own Map, Set and Date stay as they were", async () => {
  const input = { seen: new Set<number>(), times: [new Date(0)], byName: { counts: new Map() } };
  await careless(new MemoryCheckpointer()).invoke(input);
  assertEquals(input, {
    seen: new Set(),
    times: [new Date(0)],
    byName: { counts: new Map() },
  });
});
