import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  CheckpointConflictError,
  type Checkpointer,
  definePipeline,
  END,
  RecordVersionError,
  unchecked,
} from "../mod.ts";
import { RECORD_VERSION } from "../pipeline/checkpoint_record.ts";
import { onEveryBackend } from "./every_backend.ts";
import { expectStatus } from "./engine_probes.ts";
import { following, makeRecord } from "./suite/samples.ts";

interface Work {
  readonly step: number;
}

const TASK = { node: "work", visit: 1, status: "pending" } as const;

function working(checkpointer: Checkpointer, work: () => void | Promise<void> = () => {}) {
  return definePipeline({
    name: "work",
    state: unchecked<Work>(),
    nodes: {
      work: async ({ step }) => {
        await work();
        return { step: step + 1 };
      },
    },
    start: "work",
    edges: { work: END },
  }, { checkpointer });
}

/** What a newer version of this package leaves whose workers share the store. */
const NEWER = {
  version: RECORD_VERSION + 1,
  pipelineName: "work",
  state: { step: 0 },
  tasks: [TASK],
  leaseMs: 1,
};

onEveryBackend(
  "a run that a newer package stored is refused, and stays as it is",
  async (store) => {
    const ran: string[] = [];
    const pipeline = working(store, () => void ran.push("work"));
    const record = makeRecord({ ...NEWER, runId: "r" });
    await store.save(record);
    const calls: readonly (() => Promise<unknown>)[] = [
      () => pipeline.resume("r"),
      () => pipeline.resume("r", { takeOver: true }),
      () => pipeline.resume("r", { approvePause: true }),
      () => pipeline.reject("r"),
      () => pipeline.cancel("r"),
      () => pipeline.fork("r", { sequence: 0 }),
      () => Array.fromAsync(pipeline.history("r")),
    ];
    for (const call of calls) {
      const { message } = await assertRejects(call, RecordVersionError);
      for (const word of [`version ${NEWER.version}`, `up to ${RECORD_VERSION}`, "update"]) {
        assert(message.includes(word), message);
      }
    }
    assertEquals(ran, []);
    // Nothing was saved upon it, or its own worker would be refused.
    await store.save(following(record, { version: RECORD_VERSION }));
    expectStatus(await pipeline.resume("r", { takeOver: true }), "completed");
  },
);

onEveryBackend("a worker whose run a newer package took is told so", async (store) => {
  const pipeline = working(store, async () => {
    const latest = await store.loadLatest("work", "r");
    assert(latest !== undefined);
    await store.save(following(latest, { ...NEWER, writer: "newer", nodeId: "__resume__" }));
  });
  await assertRejects(() => pipeline.invoke({ step: 0 }, { runId: "r" }), CheckpointConflictError);
});

onEveryBackend(
  "a run that a newer package stored keeps no other one from being listed and gone on with",
  async (store) => {
    const pipeline = working(store);
    for (const runId of ["a", "newer", "z"]) {
      const version = runId === "newer" ? NEWER.version : RECORD_VERSION;
      await store.save(makeRecord({ ...NEWER, runId, version }));
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    const listed: string[] = [];
    const list = async () => {
      for await (const { runId } of pipeline.listRuns()) listed.push(runId);
    };
    await assertRejects(list, RecordVersionError);
    assertEquals(listed.sort(), ["a", "z"]);
    expectStatus(await pipeline.resume("a"), "completed");
    // Nobody can tell what the newer one is doing, and so it is said.
    await assertRejects(() => pipeline.recover(), RecordVersionError);
    assertEquals((await store.loadLatest("work", "z"))?.status, "completed");
  },
);
