/**
 * Runs of older versions: what is stored of them, and how they go on under a newer one.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  append,
  type Checkpointer,
  definePipeline,
  END,
  pause,
  PipelineVersionError,
  send,
  unchecked,
} from "../../mod.ts";
import { changeBetween } from "../../pipeline/change.ts";
import { assertStored } from "./checks.ts";
import { following, manyItems, reenteredRecord, withField } from "./samples.ts";
import type { Test } from "./store.ts";

/** Registers the tests. */
export function testVersions(test: Test): void {
  test("a version, old names and answers to pauses come back, whole and from changes", async (store) => {
    // Who waits ends its chain of changes, and the next writer begins a new one.
    const first = reenteredRecord({ state: { list: manyItems("list") }, status: "running" });
    const tasks = first.tasks.map((task, index) =>
      ({
        0: { ...pending(task), reentry: { entry: 3, pause: { id: "p", reason: "" }, at: "" } },
        1: { ...base(task), status: "paused", reason: "again?", entry: 2 },
        2: { ...base(task), status: "finished", update: {}, rejected: true },
      } as const)[index] ?? task
    );
    const second = following(first, { tasks, pendingEdges: [] });
    const third = following(second, { state: withField(second.state, "a", 1) });
    await store.checkpointer.save(first);
    await store.checkpointer.save(second, changeBetween(first, second));
    await store.checkpointer.save(third, changeBetween(second, third));
    await assertStored(await store.again(), [third, second, first]);
  });

  test("a claim that renames what finished before comes back as it is", async (store) => {
    const first = following(reenteredRecord({ completedNodes: ["old", "kept"] }));
    const claim = following(first, { writer: "other", completedNodes: ["new", "kept", "added"] });
    await store.checkpointer.save(first);
    await store.checkpointer.save(claim, {
      ...changeBetween(first, claim),
      completedNodes: claim.completedNodes,
      replacesCompletedNodes: true,
    });
    await assertStored(await store.again(), [claim, first]);
  });

  test("a run goes on under a newer version, migrated and renamed, and not under its own any more", async (store) => {
    const { checkpointer } = store;
    const old = letters(checkpointer);
    const first = await old.invoke({ to: "Ana", stamps: [1, 2], log: [] }, { runId: "r" });
    assertEquals(first.status, "paused");
    const taskIds: string[] = [];
    const newer = newerLetters(await store.again(), taskIds);
    const [waiting] = await Array.fromAsync(newer.listRuns({ status: "paused" }));
    const pauseId = waiting?.pauses[0]?.id;
    assertEquals(pauseId, "ask#1");
    const result = await newer.resume("r", { approvePause: true, pauseId });
    assertEquals(result.status, "completed");
    assertEquals(result.completedNodes, ["collect", "approve", "post", "post"]);
    assertEquals(result.state, {
      names: ["Ana"],
      cents: 3n,
      stamp: 0,
      log: ["1 on Ana", "2 on Ana"],
      pad: first.state.pad,
    });
    assertEquals(taskIds, ["letters/r/post/1", "letters/r/post/2"]);
    await assertRejects(() => old.resume("r"), PipelineVersionError);
    const history = await Array.fromAsync(letters(checkpointer).history("r"));
    assert(history.every(({ version }, index) => version <= (history[index - 1]?.version ?? 2)));
    assertEquals([history[0]?.version, history.at(-1)?.version], [2, 1]);
    assertEquals(history.at(-1)?.state.to, "Ana");
  });
}

type TaskRecords = ReturnType<typeof reenteredRecord>["tasks"];

function base({ node, visit, begunAs }: TaskRecords[number]) {
  return begunAs === undefined ? { node, visit } : { node, visit, begunAs };
}

function pending(task: TaskRecords[number]) {
  return { ...base(task), status: "pending" } as const;
}

interface Letter {
  readonly to: string;
  readonly stamps: readonly number[];
  readonly log: readonly string[];
  /** Makes the record large, so that stores have a reason to keep changes. */
  readonly pad: readonly unknown[];
}

function letters(checkpointer: Checkpointer) {
  return definePipeline({
    name: "letters",
    state: unchecked<Letter>(),
    nodes: { collect: () => ({ pad: manyItems("pad") }), ask: () => pause("post it?") },
    start: "collect",
    edges: { collect: "ask", ask: END },
  }, { checkpointer });
}

interface NewerLetter {
  readonly names: readonly string[];
  readonly cents: bigint;
  readonly stamp: number;
  readonly log: readonly string[];
  readonly pad: readonly unknown[];
}

function newerLetters(checkpointer: Checkpointer, taskIds: string[]) {
  return definePipeline({
    name: "letters",
    version: 2,
    migrate: {
      1: ({ to, stamps, log, pad }: Letter): NewerLetter => ({
        names: [to],
        cents: stamps.map(BigInt).reduce((sum, stamp) => sum + stamp),
        stamp: 0,
        log,
        pad,
      }),
    },
    renamed: { ask: "approve" },
    state: unchecked<NewerLetter>(),
    reducers: { log: append },
    nodes: {
      collect: () => {},
      approve: () => pause("post it?"),
      post: ({ names, stamp }, { taskId }) => {
        taskIds.push(taskId);
        return { log: `${stamp} on ${names.join()}` };
      },
    },
    start: "collect",
    edges: {
      collect: "approve",
      approve: [1, 2].map((stamp) => send("post", { stamp })),
      post: END,
    },
  }, { checkpointer });
}
