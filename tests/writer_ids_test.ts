import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  CheckpointConflictError,
  type Checkpointer,
  definePipeline,
  END,
  RunExistsError,
  unchecked,
} from "../mod.ts";
import { onEveryBackend } from "./every_backend.ts";
import { expectStatus } from "./engine_probes.ts";
import { loadingTogether, makeMeeting } from "./suite/meeting.ts";
import { settle } from "./suite/parallel.ts";

interface Work {
  readonly by: string;
}

function working(checkpointer: Checkpointer, work: () => string | Promise<string>) {
  return definePipeline({
    name: "work",
    state: unchecked<Work>(),
    nodes: { work: async () => ({ by: await work() }), after: () => {} },
    start: "work",
    edges: { work: "after", after: END },
  }, { checkpointer });
}

/** Draws in a row that bring the same. */
const CLONES = 8;

/** Lets every process draw the same random numbers, as those do that were cloned from one. */
async function withClones(body: () => Promise<void>): Promise<void> {
  const draw = crypto.getRandomValues.bind(crypto);
  let draws = 0;
  crypto.getRandomValues = (array) => {
    draw(array);
    if (array instanceof Uint32Array) array.fill(Math.floor(draws++ / CLONES));
    return array;
  };
  try {
    await body();
  } finally {
    crypto.getRandomValues = draw;
  }
}

onEveryBackend("of clones that start one run at once, one does", async (store) => {
  const ran: string[] = [];
  await withClones(async () => {
    const { results, errors } = await settle(
      ["one", "two", "three"].map((clone) =>
        working(store, () => {
          ran.push(clone);
          return clone;
        }).invoke({ by: "" }, { runId: "r" })
      ),
    );
    assertEquals(results.map(({ status }) => status), ["completed"]);
    for (const error of errors) assertInstanceOf(error, RunExistsError);
  });
  assertEquals(ran.length, 1);
});

onEveryBackend("of clones that found the same checkpoint, one goes on", async (store) => {
  const broken = working(store, () => Promise.reject(new Error("not yet")));
  const ran: string[] = [];
  await withClones(async () => {
    expectStatus(await broken.invoke({ by: "" }, { runId: "r" }), "failed");
    const clones = ["one", "two", "three"];
    const together = makeMeeting(clones.length);
    const { results, errors } = await settle(
      clones.map((clone) =>
        working(loadingTogether(store, together), () => {
          ran.push(clone);
          return clone;
        }).resume("r")
      ),
    );
    assertEquals(results.map(({ status }) => status), ["completed"]);
    for (const error of errors) assertInstanceOf(error, CheckpointConflictError);
  });
  assertEquals(ran.length, 1);
});

onEveryBackend("a clone that was believed dead is fenced off", async (store) => {
  await withClones(async () => {
    const [started, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const stuck = working(store, async () => {
      started.resolve();
      await released.promise;
      return "stuck";
    }).invoke({ by: "" }, { runId: "r" });
    await started.promise;
    const quick = working(store, () => "quick");
    expectStatus(await quick.resume("r", { takeOver: true }), "completed");
    released.resolve();
    await assertRejects(() => stuck, CheckpointConflictError);
  });
  const records = await Array.fromAsync(store.history("work", "r"));
  assertEquals(records[0]?.state, { by: "quick" });
  assertEquals(new Set(records.map(({ writer }) => writer)).size, 2);
});
