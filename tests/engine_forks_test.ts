import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  append,
  type Checkpointer,
  definePipeline,
  diffCheckpoints,
  END,
  MemoryCheckpointer,
  pause,
  RunExistsError,
  RunNotFoundError,
  unchecked,
} from "../mod.ts";
import { expectStatus } from "./engine_probes.ts";

interface Draft {
  readonly text: string;
  readonly log: readonly string[];
  readonly approved?: boolean;
}

function drafts(checkpointer: Checkpointer, taskIds: string[] = []) {
  return definePipeline({
    name: "drafts",
    state: unchecked<Draft>(),
    reducers: { log: append },
    nodes: {
      write: (state, { taskId }) => {
        taskIds.push(taskId);
        return { log: `wrote ${state.text}` };
      },
      check: (state) => {
        if (state.text === "bad") throw new Error("bad text");
        return { log: `checked ${state.text}` };
      },
      ask: () => pause("publish?"),
      publish: (state) => ({ log: `published ${state.text}` }),
    },
    start: "write",
    edges: {
      write: "check",
      check: "ask",
      ask: { route: (state) => state.approved ? "yes" : "no", to: { yes: "publish", no: END } },
      publish: END,
    },
  }, { checkpointer });
}

Deno.test("a fork begins at any checkpoint of a run, which stays as it is", async () => {
  const store = new MemoryCheckpointer();
  const pipeline = drafts(store);
  await pipeline.invoke({ text: "one", log: [] }, { runId: "r" });
  expectStatus(
    await pipeline.resume("r", { approvePause: true, update: { approved: true } }),
    "completed",
  );
  const before = await Array.fromAsync(store.history("drafts", "r"));
  const approval = before.find(({ resume }) => resume !== undefined)?.sequence ?? NaN;
  for (const { sequence } of before) {
    const fork = await pipeline.fork("r", { sequence, runId: `fork ${sequence}` });
    assertEquals(fork.status, sequence < approval ? "paused" : "completed", `at ${sequence}`);
    const history = await Array.fromAsync(pipeline.history(`fork ${sequence}`));
    assertEquals(history.at(-1)?.forkedFrom, { runId: "r", sequence });
    assertEquals([history.at(-1)?.sequence, history.at(-1)?.nodeId], [0, "__fork__"]);
  }
  assertEquals(await Array.fromAsync(store.history("drafts", "r")), before);
});

Deno.test("a fork may begin with another state, and its effects are its own", async () => {
  const taskIds: string[] = [];
  const pipeline = drafts(new MemoryCheckpointer(), taskIds);
  const first = await pipeline.invoke({ text: "bad", log: [] }, { runId: "r" });
  assertEquals(expectStatus(first, "failed").failedNode, "check");
  const fork = await pipeline.fork("r", { sequence: 0, update: { text: "good" }, by: "ana" });
  assert(fork.runId !== "r");
  assertEquals(expectStatus(fork, "paused").state.log, ["wrote good", "checked good"]);
  assertEquals(taskIds, ["drafts/r/write/1", `drafts/${fork.runId}/write/1`]);
  const start = (await Array.fromAsync(pipeline.history(fork.runId))).at(-1);
  assertEquals([start?.resume?.by, start?.state.text], ["ana", "good"]);
});

Deno.test("a pause that is forked waits for an approval of its own", async () => {
  const pipeline = drafts(new MemoryCheckpointer());
  await pipeline.invoke({ text: "one", log: [] }, { runId: "r" });
  const paused = (await Array.fromAsync(pipeline.history("r")))[0];
  const fork = await pipeline.fork("r", { sequence: paused?.sequence ?? -1, runId: "f" });
  assertEquals(expectStatus(fork, "paused").pauses.map(({ id }) => id), ["ask#1"]);
  const yes = { approvePause: true, update: { approved: true } } as const;
  expectStatus(await pipeline.resume("f", yes), "completed");
  expectStatus(await pipeline.resume("r", yes), "completed");
});

Deno.test("what cannot be forked is refused, and nothing is stored", async () => {
  const pipeline = drafts(new MemoryCheckpointer());
  await pipeline.invoke({ text: "one", log: [] }, { runId: "r" });
  await assertRejects(() => pipeline.fork("nobody", { sequence: 0 }), RunNotFoundError, "fork");
  for (const sequence of [-1, 99, 0.5]) {
    await assertRejects(() => pipeline.fork("r", { sequence }), RangeError, "the latest one is");
  }
  await assertRejects(() => pipeline.fork("r", { sequence: 0, runId: "r" }), RunExistsError);
  await assertRejects(() => pipeline.fork("r", { sequence: 0, runId: "" }), TypeError);
  assertEquals((await Array.fromAsync(pipeline.listRuns())).length, 1);
});

Deno.test("a history tells how long each checkpoint took since the one before", async () => {
  const pipeline = drafts(new MemoryCheckpointer());
  await pipeline.invoke({ text: "one", log: [] }, { runId: "r" });
  const history = await Array.fromAsync(pipeline.history("r"));
  for (const [index, { savedAt, durationMs }] of history.entries()) {
    const older = history[index + 1];
    const expected = older && Date.parse(savedAt) - Date.parse(older.savedAt);
    assertEquals(durationMs, expected);
  }
  assert(history.slice(0, -1).every(({ durationMs }) => durationMs !== undefined));
});

Deno.test("what changed between two checkpoints is told in one call", async () => {
  const pipeline = definePipeline({
    name: "drafts",
    state: unchecked<{ text?: string; tags: Set<string>; at: Date; log: string[] }>(),
    reducers: { log: append },
    nodes: {
      write: () => ({ text: "written", log: "wrote", tags: new Set(["a"]) }),
      clear: () => ({ text: undefined, log: "cleared", tags: new Set(["a", "b"]) }),
    },
    start: "write",
    edges: { write: "clear", clear: END },
  }, { checkpointer: new MemoryCheckpointer() });
  const at = new Date(0);
  await pipeline.invoke({ tags: new Set(), at, log: [] }, { runId: "r" });
  const [newest, middle, oldest] = await Array.fromAsync(pipeline.history("r"));
  assert(newest !== undefined && middle !== undefined && oldest !== undefined);
  assertEquals(diffCheckpoints(middle, newest), {
    fields: {
      text: { before: "written" },
      log: { before: ["wrote"], after: ["wrote", "cleared"] },
      tags: { before: new Set(["a"]), after: new Set(["a", "b"]) },
    },
    finished: ["clear"],
  });
  assertEquals(diffCheckpoints(oldest, newest).finished, ["write", "clear"]);
  assertEquals(diffCheckpoints(newest, newest), { fields: {}, finished: [] });
});
