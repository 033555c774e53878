/**
 * A run that waits for a person goes on when that person said so, and only once.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  CheckpointConflictError,
  type Checkpointer,
  definePipeline,
  END,
  pause,
  RunActiveError,
  RunPausedError,
  StalePauseError,
  unchecked,
} from "../../mod.ts";
import { settle } from "./parallel.ts";
import type { Test } from "./store.ts";

/** Registers the tests. */
export function testPauses(test: Test): void {
  test("a paused run does not go on without approval, and nothing changes", async (store) => {
    const ran: string[] = [];
    const releases = defineReleases(store.checkpointer, ran);
    const first = await releases.invoke({ version: "1.2.0" }, { runId: "r" });
    assert(first.status === "paused");
    const [pending] = first.pauses;
    assertEquals([pending?.node, pending?.reason, first.pauses.length], ["approval", "1.2.0?", 1]);
    const before = await Array.fromAsync(store.checkpointer.history("releases", "r"));
    const elsewhere = defineReleases(await store.again(), ran);
    for (const pipeline of [releases, elsewhere]) {
      const error = await assertRejects(
        () => pipeline.resume("r", { by: "a sweep" }),
        RunPausedError,
      );
      assertEquals(error.pauses, first.pauses);
    }
    assertEquals(await Array.fromAsync(store.checkpointer.history("releases", "r")), before);
    const [waiting, ...others] = await Array.fromAsync(elsewhere.listRuns({ status: "paused" }));
    assertEquals(waiting?.pauses, first.pauses);
    assertEquals(others, []);
    assertEquals(ran, ["approval"]);
  });

  test("an approval is recorded with who gave it and what came with it", async (store) => {
    const ran: string[] = [];
    await defineReleases(store.checkpointer, ran).invoke({ version: "1.2.0" }, { runId: "r" });
    const elsewhere = defineReleases(await store.again(), ran);
    const result = await elsewhere.resume("r", {
      approvePause: true,
      update: { approved: true, at: new Date(1) },
      by: "ana",
    });
    assertEquals(result.status, "completed");
    assertEquals(result.completedNodes, ["approval", "deploy"]);
    assertEquals<object>(result.state, {
      version: "1.2.0",
      approved: true,
      at: new Date(1),
      url: "https://example.com/1.2.0",
    });
    assertEquals(ran, ["approval", "deploy"]);
    const history = await Array.fromAsync(store.checkpointer.history("releases", "r"));
    const approvals = history.flatMap(({ resume }) => resume ?? []);
    const update = { approved: true, at: { $date: "1970-01-01T00:00:00.001Z" } };
    const at = approvals[0]?.at ?? "";
    assertEquals(approvals, [{ at, by: "ana", approved: ["approval#1"], update }]);
    assertEquals(new Date(at).toISOString(), at);
  });

  test("a pause is approved once, however the run went on", async (store) => {
    for (const isBroken of [false, true]) {
      const ran: string[] = [];
      const runId = `broken: ${isBroken}`;
      const approval = { approvePause: true, update: { approved: true } };
      const releases = defineReleases(store.checkpointer, ran, isBroken);
      await releases.invoke({ version: "1.2.0" }, { runId });
      const result = await releases.resume(runId, approval);
      assertEquals(result.status, isBroken ? "failed" : "completed");
      const before = await Array.fromAsync(store.checkpointer.history("releases", runId));
      const elsewhere = defineReleases(await store.again(), ran);
      await assertRejects(() => elsewhere.resume(runId, approval), StalePauseError);
      await assertRejects(
        () => elsewhere.resume(runId, { approvePause: true, pauseId: "approval#1" }),
        StalePauseError,
      );
      assertEquals(await Array.fromAsync(store.checkpointer.history("releases", runId)), before);
      assertEquals(ran, ["approval", "deploy"]);
    }
  });

  test("of many who approve a pause at once, one goes on and the others are told", async (store) => {
    const ran: string[] = [];
    await defineReleases(store.checkpointer, ran).invoke({ version: "1.2.0" }, { runId: "r" });
    const other = await store.again();
    const { results, errors } = await settle(["ana", "ben", "cleo", "dan"].map((by, index) => {
      const releases = defineReleases(index % 2 === 0 ? store.checkpointer : other, ran);
      return releases.resume("r", { approvePause: true, update: { approved: true }, by });
    }));
    assertEquals(results.map(({ status }) => status), ["completed"]);
    // What the others are told depends on when they looked.
    const told = [CheckpointConflictError, RunActiveError, StalePauseError];
    for (const error of errors) assert(told.some((type) => error instanceof type), String(error));
    assertEquals(ran, ["approval", "deploy"]);
    const history = await Array.fromAsync(other.history("releases", "r"));
    assertEquals(history.flatMap(({ resume }) => resume ?? []).length, 1);
  });
}

interface Release {
  readonly version: string;
  readonly approved?: boolean;
  readonly at?: Date;
  readonly url?: string;
}

function defineReleases(checkpointer: Checkpointer, ran: string[], isBroken = false) {
  return definePipeline({
    name: "releases",
    state: unchecked<Release>(),
    nodes: {
      approval: ({ version }, { node }) => {
        ran.push(node);
        return pause(`${version}?`);
      },
      deploy: ({ version }, { node }) => {
        ran.push(node);
        if (isBroken) throw new Error("no route to host");
        return { url: `https://example.com/${version}` };
      },
    },
    start: "approval",
    edges: {
      approval: {
        route: ({ approved }) => approved ? "yes" : "no",
        to: { yes: "deploy", no: END },
      },
      deploy: END,
    },
  }, { checkpointer });
}
