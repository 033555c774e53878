import { assertEquals, assertRejects } from "@std/assert";
import {
  append,
  type Checkpointer,
  definePipeline,
  END,
  pause,
  RunPausedError,
  send,
  unchecked,
} from "../mod.ts";
import { assertChanges, expectStatus, watch } from "./engine_probes.ts";

const YES = { approvePause: true } as const;

/** What is published is approved first; the node's name changes from version to version. */
function papers(checkpointer: Checkpointer, taskIds: string[], isRenamed: boolean) {
  const common = { name: "papers", state: unchecked<{ item: string; log: string[] }>() } as const;
  const work = (state: { readonly item: string }, { taskId }: { readonly taskId: string }) => {
    taskIds.push(taskId);
    if (state.item === "b" && !isRenamed) throw new Error("not yet");
    return { log: `${state.item} done` };
  };
  if (!isRenamed) {
    return definePipeline({
      ...common,
      reducers: { log: append },
      nodes: { split: () => {}, sign: work, ask: () => pause("again?") },
      start: "split",
      edges: {
        split: ["a", "b"].map((item) => send("sign", { item })),
        sign: "ask",
        ask: [send("sign", { item: "c" })],
      },
    }, { checkpointer });
  }
  return definePipeline({
    ...common,
    reducers: { log: append },
    renamed: { sign: "publish", ask: "approve" },
    nodes: { split: () => {}, publish: work, approve: () => pause("again?") },
    start: "split",
    edges: {
      split: ["a", "b"].map((item) => send("publish", { item })),
      publish: (state) => state.log.length < 3 ? "approve" : END,
      approve: [send("publish", { item: "c" })],
    },
  }, { checkpointer });
}

Deno.test("what a run stored of a renamed node goes on under its new name, tasks with their old ids", async () => {
  const store = watch();
  const [before, after]: [string[], string[]] = [[], []];
  const first = await papers(store, before, false).invoke({ item: "", log: [] }, { runId: "r" });
  expectStatus(first, "failed");
  const renamed = papers(store, after, true);
  const paused = expectStatus(await renamed.resume("r"), "paused");
  assertEquals(after, ["papers/r/sign/2"], "a task has lost its idempotency key");
  assertEquals(before.toSorted(), ["papers/r/sign/1", "papers/r/sign/2"]);
  assertEquals(paused.completedNodes, ["split", "publish", "publish", "approve"]);
  const done = expectStatus(await renamed.resume("r", YES), "completed");
  assertEquals(done.state.log, ["a done", "b done", "c done"]);
  assertChanges(store);
  assertEquals(after.at(-1), "papers/r/publish/3", "visits do not count on");
});

Deno.test("a pause of a renamed node is approved by the id that was handed out", async () => {
  const store = watch();
  const old = definePipeline({
    name: "asking",
    state: unchecked<{ done: boolean }>(),
    nodes: { ask: () => pause("sure?"), act: () => ({ done: true }) },
    start: "ask",
    edges: { ask: "act", act: END },
  }, { checkpointer: store });
  await old.invoke({ done: false }, { runId: "r" });
  const renamed = definePipeline({
    name: "asking",
    renamed: { ask: "approval", act: "deploy" },
    state: unchecked<{ done: boolean }>(),
    nodes: { approval: () => pause("sure?"), deploy: () => ({ done: true }) },
    start: "approval",
    edges: { approval: "deploy", deploy: END },
  }, { checkpointer: store });
  const error = await assertRejects(() => renamed.resume("r"), RunPausedError);
  assertEquals(error.pauses.map(({ id, node }) => [id, node]), [["ask#1", "approval"]]);
  const result = await renamed.resume("r", { ...YES, pauseId: "ask#1" });
  assertEquals(expectStatus(result, "completed").completedNodes, ["approval", "deploy"]);
  assertChanges(store);
});
