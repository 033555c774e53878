/**
 * Going on with the runs of a store that the Python framework wrote, wherever it was kept.
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
  RunPausedError,
  unchecked,
  UnknownNodeError,
} from "../mod.ts";

/** What the Python framework wrote: a folder a pipeline, in it one a run, in it its checkpoints. */
export const PYTHON_STORE = new URL("./fixtures/python_store/", import.meta.url);

/** The state of a run in it. */
interface Release {
  requirements: unknown;
  approved: boolean;
  url: string | null;
  log: string[];
}

/** The pipeline of its runs. */
export function release(checkpointer: Checkpointer) {
  return definePipeline({
    name: "release",
    state: unchecked<Release>(),
    reducers: { log: append },
    nodes: {
      build: () => ({ log: "built" }),
      test: () => ({ log: "tested" }),
      approval: () => pause("deploy to production?"),
      deploy: () => ({ url: "https://example.com/user", log: "deployed" }),
    },
    start: "build",
    edges: {
      build: "test",
      test: "approval",
      approval: { route: (state) => state.approved ? "yes" : "no", to: { yes: "deploy", no: END } },
      deploy: END,
    },
  }, { checkpointer });
}

/** Runs a test on a copy of the store. */
export type WithStore = (test: (checkpointer: Checkpointer) => Promise<void>) => Promise<void>;

/** Registers the tests for one backend. */
export function oldStoreSuite(name: string, withStore: WithStore): void {
  const test = (behaviour: string, fn: () => Promise<void>) =>
    Deno.test(`${name}: ${behaviour}`, fn);

  test("a run stored without pause fields goes on after its last node", async () => {
    await withStore(async (checkpointer) => {
      const result = await release(checkpointer).resume("phase-1");
      assertEquals(result.status, "paused");
      assertEquals(result.completedNodes, ["build", "test", "approval"]);
      assertEquals(result.state.log, ["built", "tested"]);
    });
  });

  test("a run stored with pause fields goes on after its last node, whatever ran before", async () => {
    await withStore(async (checkpointer) => {
      const result = await release(checkpointer).resume("phase-2");
      assertEquals(result.completedNodes, ["build", "test", "build", "test", "approval"]);
      assertEquals(result.state.log, ["built", "tested", "built", "tested"]);
    });
  });

  test("a run stored as paused still demands an approval, and goes on with it", async () => {
    await withStore(async (checkpointer) => {
      const pipeline = release(checkpointer);
      const error = await assertRejects(() => pipeline.resume("paused"), RunPausedError);
      assert(error instanceof RunPausedError);
      assertEquals(error.pauses, [
        { id: "approval#1", node: "approval", reason: "deploy to production?" },
      ]);
      const result = await pipeline.resume("paused", {
        approvePause: true,
        update: { approved: true },
      });
      assertEquals(result.status, "completed");
      assertEquals(result.state.url, "https://example.com/user");
      assertEquals(result.completedNodes, ["build", "test", "approval", "deploy"]);
    });
  });

  test("a run stored after its last node comes back with its result, and no node runs", async () => {
    await withStore(async (checkpointer) => {
      const result = await release(checkpointer).resume("finished");
      assertEquals(result.status, "completed");
      assertEquals(result.state.log, ["built", "tested", "deployed"]);
    });
  });

  test("what the Python framework stored is data, also where it looks like a tag", async () => {
    await withStore(async (checkpointer) => {
      const first = await release(checkpointer).resume("order:42 größe");
      assertEquals(first.state.requirements, { $date: "2026-01-01T00:00:00.000Z" });
      const second = await release(checkpointer).resume("order:42 größe", { approvePause: true });
      assertEquals(second.status, "completed");
      assertEquals(second.state.requirements, { $date: "2026-01-01T00:00:00.000Z" });
    });
  });

  test("the runs of the Python framework are listed beside ours", async () => {
    await withStore(async (checkpointer) => {
      const pipeline = release(checkpointer);
      await pipeline.invoke({ requirements: "ours" }, { runId: "ours" });
      const runs = await Array.fromAsync(pipeline.listRuns());
      assertEquals(runs.map(({ runId }) => runId).toSorted(), [
        "finished",
        "order:42 größe",
        "ours",
        "paused",
        "phase-1",
        "phase-2",
      ]);
      const paused = await Array.fromAsync(pipeline.listRuns({ status: "paused" }));
      assertEquals(paused.map(({ runId }) => runId).toSorted(), ["ours", "paused"]);
      assert(paused.every(({ savedAt }) => !Number.isNaN(Date.parse(savedAt))));
    });
  });

  test("a run whose last node the pipeline no longer has is refused", async () => {
    await withStore(async (checkpointer) => {
      const renamed = definePipeline({
        name: "release",
        state: unchecked<Release>(),
        nodes: { compile: () => {} },
        start: "compile",
        edges: { compile: END },
      }, { checkpointer });
      await assertRejects(() => renamed.resume("phase-1"), UnknownNodeError, `"build"`);
    });
  });

  test("the history of a run that was taken over holds both parts", async () => {
    await withStore(async (checkpointer) => {
      const pipeline = release(checkpointer);
      await pipeline.resume("phase-2");
      const history = await Array.fromAsync(pipeline.history("phase-2"));
      assertEquals(history.map(({ sequence, nodeId }) => [sequence, nodeId]), [
        [7, "approval"],
        [6, "test"],
        [5, "build"],
        [4, "__resume__"],
        [3, "build"],
        [2, "test"],
        [1, "build"],
      ]);
    });
  });
}
