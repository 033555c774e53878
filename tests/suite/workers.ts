/**
 * Two workers on one run: one does the work, the other one is told.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  CheckpointConflictError,
  type Checkpointer,
  definePipeline,
  END,
  RunExistsError,
  unchecked,
} from "../../mod.ts";
import { assertStored } from "./checks.ts";
import { loadingTogether, makeMeeting } from "./meeting.ts";
import { settle } from "./parallel.ts";
import type { Test } from "./store.ts";

/** Registers the tests. */
export function testWorkers(test: Test): void {
  test("of two resumes that found the same checkpoint, one runs nodes", async (store) => {
    const ran: string[] = [];
    const checkpointers = [store.checkpointer, await store.again()];
    const broken = defineJob(store.checkpointer, () => {
      throw new Error("not yet");
    });
    assertEquals((await broken.invoke({ by: "" }, { runId: "r" })).status, "failed");
    const together = makeMeeting(checkpointers.length);
    const resumed = checkpointers.map((checkpointer, index) => {
      const job = defineJob(loadingTogether(checkpointer, together), () => {
        ran.push(`work by ${index}`);
        return { by: `${index}` };
      });
      return job.resume("r");
    });
    const { results, errors } = await settle(resumed);
    const [winner] = results;
    assertEquals(winner?.status, "completed");
    assertEquals(errors.map((error) => error instanceof CheckpointConflictError), [true]);
    assertEquals(ran, [`work by ${winner?.state.by}`]);
  });

  test("a worker believed dead is fenced off at its next save", async (store) => {
    const started = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    const ran: string[] = [];
    const stuck = defineJob(store.checkpointer, async (_, { taskId }) => {
      ran.push(`stuck ${taskId}`);
      started.resolve();
      await released.promise;
      return { by: "stuck" };
    }, () => {
      ran.push("stuck after");
    });
    const lost = stuck.invoke({ by: "" }, { runId: "r" });
    await started.promise;
    const other = await store.again();
    const result = await defineJob(other, (_, { taskId }) => {
      ran.push(`quick ${taskId}`);
      return { by: "quick" };
    }).resume("r", { takeOver: true });
    assertEquals(result.status, "completed");
    const history = await Array.fromAsync(other.history("jobs", "r"));
    released.resolve();
    await assertRejects(() => lost, CheckpointConflictError);
    const [latest, ...older] = history;
    assert(latest !== undefined);
    await assertStored(store.checkpointer, [latest, ...older]);
    assertEquals(latest.state, { by: "quick" });
    // An effect that both had can be told to be one by its task id.
    const [taskId] = ran[0]?.split(" ").slice(1) ?? [];
    assertEquals(ran, [`stuck ${taskId}`, `quick ${taskId}`]);
  });

  test("a run id that is taken is refused, and its run stays as it was", async (store) => {
    const job = defineJob(store.checkpointer, () => ({ by: "first" }));
    await job.invoke({ by: "" }, { runId: "r" });
    const [latest, ...older] = await Array.fromAsync(store.checkpointer.history("jobs", "r"));
    assert(latest !== undefined);
    for (const checkpointer of [store.checkpointer, await store.again()]) {
      const rival = defineJob(checkpointer, () => {
        throw new Error("a node of a run that was refused");
      });
      const error = await assertRejects(
        () => rival.invoke({ by: "" }, { runId: "r" }),
        RunExistsError,
      );
      assertEquals([error.pipelineName, error.runId], ["jobs", "r"]);
    }
    await assertStored(await store.again(), [latest, ...older]);
  });

  test("of many that start a run under one id at once, one does", async (store) => {
    const other = await store.again();
    let ran = 0;
    const started = Array.from({ length: 10 }, (_, index) => {
      const job = defineJob(index % 2 === 0 ? store.checkpointer : other, () => {
        ran++;
        return { by: `${index}` };
      });
      return job.invoke({ by: "" }, { runId: "r" });
    });
    const { results, errors } = await settle(started);
    assertEquals(results.map(({ status }) => status), ["completed"]);
    assert(errors.every((error) => error instanceof RunExistsError), String(errors));
    assertEquals(ran, 1);
  });
}

interface Job {
  readonly by: string;
}

type Work = (
  state: Job,
  context: { readonly taskId: string },
) => Partial<Job> | void | Promise<Partial<Job>>;

function defineJob(checkpointer: Checkpointer, work: Work, after: Work = () => {}) {
  return definePipeline({
    name: "jobs",
    state: unchecked<Job>(),
    nodes: { work, after },
    start: "work",
    edges: { work: "after", after: END },
  }, { checkpointer });
}
