import { assert, assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import {
  append,
  type Checkpointer,
  definePipeline,
  END,
  MemoryCheckpointer,
  type NodeContext,
  NodeTimeoutError,
  pause,
  type RunEvent,
  send,
  unchecked,
} from "../mod.ts";
import { expectStatus, untilAborted, untyped, watch } from "./engine_probes.ts";

interface Work {
  item: number;
  log: string[];
}

type Effect = (state: Readonly<Work>, context: NodeContext) => unknown;

interface Parts {
  readonly charge: Effect;
  readonly refund?: Effect;
  readonly checkpointer?: Checkpointer;
  readonly onEvent?: (event: RunEvent<Work>) => void;
  readonly timeoutMs?: number;
}

/** A payment whose failure is refunded. */
function payment({ charge, refund = () => {}, timeoutMs, ...options }: Parts) {
  return definePipeline({
    name: "payment",
    state: unchecked<Work>("item", "log"),
    reducers: { log: append },
    nodes: {
      charge: {
        run: async (state, context) => untyped<object>(await charge(state, context)),
        onError: "refund",
        timeoutMs,
      },
      refund: async (state, context) => {
        await refund(state, context);
        return { log: `refunded after ${context.failure?.error.message}` };
      },
      ship: () => ({ log: "shipped" }),
    },
    start: "charge",
    edges: { charge: "ship", refund: END, ship: END },
  }, options);
}

const decline = () => {
  throw new RangeError("declined");
};

Deno.test("a failure goes to the node that onError names, which sees what failed", async () => {
  const told: NodeContext[] = [];
  const pipeline = payment({
    charge: decline,
    refund: (_state, context) => told.push(context),
    checkpointer: watch(),
  });
  const result = expectStatus(await pipeline.invoke({}, { runId: "r" }), "completed");
  assertEquals(result.state.log, ["refunded after declined"]);
  assertEquals(result.completedNodes, ["charge", "refund"]);
  const [{ failure, failures } = {}] = told;
  assertEquals([failure?.node, failure?.visit, failure?.error.name], ["charge", 1, "RangeError"]);
  assertEquals<unknown>(failures, [failure]);
});

Deno.test("a node that succeeds is followed by its edge, and no context has a failure", async () => {
  let context: NodeContext | undefined;
  const pipeline = payment({ charge: (_state, given) => void (context = given) });
  const { state } = expectStatus(await pipeline.invoke({}), "completed");
  assertEquals(state.log, ["shipped"]);
  assert(context !== undefined && !("failure" in context) && !("failures" in context));
});

Deno.test("an answer that cannot be used, and one that came too late, go to onError as well", async () => {
  const messages: string[] = [];
  const refund: Effect = (_state, { failure }) => messages.push(failure?.error.message ?? "");
  const answers = [7, { unknown: 1 }, { log: () => {} }];
  for (const answer of answers) {
    const pipeline = payment({ charge: () => answer, refund, checkpointer: watch() });
    expectStatus(await pipeline.invoke({}), "completed");
  }
  const late: Effect = (_state, { signal }) => untilAborted(signal);
  expectStatus(await payment({ charge: late, refund, timeoutMs: 1 }).invoke({}), "completed");
  const words = ["must be an object", '"unknown"', "state.log", "took longer than 1 ms"];
  assertEquals(messages.length, words.length);
  for (const [index, word] of words.entries()) assertStringIncludes(messages[index] ?? "", word);
});

Deno.test("the event of a handled failure has the error itself", async () => {
  const boom = new Error("boom");
  const errors: unknown[] = [];
  const pipeline = payment({
    charge: () => {
      throw boom;
    },
    onEvent: (event) => {
      if (event.type === "taskFailed") errors.push(event.error);
    },
  });
  await pipeline.invoke({});
  assertEquals(errors, [boom]);
});

Deno.test("only the failure of the last attempt goes to onError", async () => {
  const failures: unknown[] = [];
  const pipeline = definePipeline({
    name: "retried",
    state: unchecked<Work>(),
    nodes: {
      work: {
        run: (_state, { attempt }) => {
          throw `attempt ${attempt}`;
        },
        retry: { attempts: 3 },
        onError: "mend",
      },
      mend: (_state, { failure }) => {
        failures.push(failure);
      },
    },
    start: "work",
    edges: { work: END, mend: END },
  }, { checkpointer: new MemoryCheckpointer() });
  expectStatus(await pipeline.invoke({}, { runId: "r" }), "completed");
  const error = { name: "string", message: "attempt 3" };
  assertEquals(failures, [{ node: "work", visit: 1, error }]);
  const history = await Array.fromAsync(pipeline.history("r"));
  assertEquals(history[1]?.attempts, [{ node: "work", visit: 1, attempts: 3 }]);
});

Deno.test("a failure of the handler itself fails the run, and is handled again after a resume", async () => {
  let isBroken = true;
  const seen: unknown[] = [];
  const checkpointer = new MemoryCheckpointer();
  const pipeline = payment({
    charge: decline,
    refund: (_state, { failure, taskId }) => {
      seen.push([failure, taskId]);
      if (isBroken) throw new Error("no money");
    },
    checkpointer,
  });
  const failed = expectStatus(await pipeline.invoke({}, { runId: "r" }), "failed");
  assertEquals(failed.failedNode, "refund");
  isBroken = false;
  const { state } = expectStatus(await pipeline.resume("r"), "completed");
  assertEquals(state.log, ["refunded after declined"]);
  assertEquals(seen[1], seen[0]);
});

/** Workers of which some fail, a join, and a node that takes the failures. */
function fanOut(checkpointer: Checkpointer, failing: (item: number) => unknown) {
  const told: [string, readonly string[]][] = [];
  const pipeline = definePipeline({
    name: "fan-out",
    state: unchecked<Work>(),
    reducers: { log: append },
    nodes: {
      split: () => {},
      work: {
        run: async ({ item }) => {
          const error = await failing(item);
          if (error !== undefined) throw error;
          return { log: `${item}` };
        },
        onError: "note",
      },
      strict: async ({ item }) => {
        const error = await failing(item);
        if (error !== undefined) throw error;
      },
      join: (_state, { failures = [] }) => {
        told.push(["join", failures.map(({ visit }) => `${visit}`)]);
      },
      note: (_state, { failures = [] }) => {
        told.push(["note", failures.map(({ visit, error }) => `${visit} ${error.message}`)]);
      },
    },
    start: "split",
    edges: {
      split: ({ item }) => [
        ...[1, 2, 3, 4].map((item) => send("work", { item })),
        ...(item === 9 ? [send("strict", { item: 9 })] : []),
      ],
      work: "join",
      strict: "join",
      join: END,
      note: END,
    },
  }, { checkpointer });
  return { pipeline, told };
}

Deno.test("in a fan-out the failures of all go to one visit of the handler, in task order", async () => {
  const { pipeline, told } = fanOut(
    watch(),
    (item) => item % 2 === 0 ? `no ${item}` : undefined,
  );
  const { state, completedNodes } = expectStatus(await pipeline.invoke({ item: 0 }), "completed");
  assertEquals(state.log, ["1", "3"]);
  assertEquals(completedNodes, ["split", "work", "work", "work", "work", "join", "note"]);
  assertEquals(told, [["join", []], ["note", ["2 no 2", "4 no 4"]]]);
});

Deno.test("where all of a fan-out fail, nothing but the handler follows", async () => {
  const { pipeline, told } = fanOut(watch(), () => "no");
  expectStatus(await pipeline.invoke({ item: 0 }), "completed");
  assertEquals(told, [["note", ["1 no", "2 no", "3 no", "4 no"]]]);
});

Deno.test("a failure without onError fails the run, whatever the others of its step have", async () => {
  const checkpointer = watch();
  let isBroken = true;
  const calls: number[] = [];
  const { pipeline, told } = fanOut(checkpointer, (item) => {
    calls.push(item);
    return isBroken && (item === 2 || item === 9) ? `no ${item}` : undefined;
  });
  const failed = expectStatus(await pipeline.invoke({ item: 9 }, { runId: "r" }), "failed");
  assertEquals(failed.failures.map(({ node }) => node), ["strict"]);
  isBroken = false;
  expectStatus(await pipeline.resume("r"), "completed");
  assertEquals(calls.toSorted(), [1, 2, 3, 4, 9, 9], "what was handled is not done again");
  assertEquals(told, [["join", []], ["note", ["2 no 2"]]]);
});

Deno.test("a handler that an edge asks for as well runs once, and is told of the failures", async () => {
  const told: unknown[] = [];
  const pipeline = definePipeline({
    name: "joined",
    state: unchecked<Work>(),
    nodes: {
      split: () => {},
      good: () => {},
      bad: { run: decline, onError: "join" },
      join: (_state, { failures, visit }) => {
        told.push([visit, failures?.map(({ node }) => node)]);
      },
    },
    start: "split",
    edges: { split: ["good", "bad"], good: "join", bad: END, join: END },
  }, { checkpointer: watch() });
  expectStatus(await pipeline.invoke({}), "completed");
  assertEquals(told, [[1, ["bad"]]]);
});

Deno.test("a pause of the same step comes first, and the failure is not forgotten", async () => {
  const checkpointer = new MemoryCheckpointer();
  const define = () =>
    definePipeline({
      name: "paused",
      state: unchecked<Work>(),
      reducers: { log: append },
      nodes: {
        split: () => {},
        ask: () => pause("go on?"),
        bad: { run: decline, onError: "mend" },
        mend: (_state, { failure }) => ({ log: `mended ${failure?.error.message}` }),
      },
      start: "split",
      edges: { split: ["ask", "bad"], ask: END, bad: END, mend: END },
    }, { checkpointer });
  expectStatus(await define().invoke({}, { runId: "r" }), "paused");
  const { state } = expectStatus(await define().resume("r", { approvePause: true }), "completed");
  assertEquals(state.log, ["mended declined"]);
});

Deno.test("a failed visit counts: the next one of its node is another task", async () => {
  const taskIds: string[] = [];
  const checkpointer = watch();
  const define = () =>
    definePipeline({
      name: "again",
      state: unchecked<Work>(),
      nodes: {
        work: {
          run: (_state, { taskId, visit }) => {
            taskIds.push(taskId);
            if (visit === 1) throw new Error("no");
          },
          onError: "mend",
        },
        mend: () => pause("again?"),
      },
      start: "work",
      edges: { work: END, mend: "work" },
    }, { checkpointer });
  expectStatus(await define().invoke({}, { runId: "r" }), "paused");
  expectStatus(await define().resume("r", { approvePause: true }), "completed");
  assertEquals(taskIds, ["again/r/work/1", "again/r/work/2"]);
});

Deno.test("a cancelled task is no failure, and does not go to onError", async () => {
  const control = new AbortController();
  const visits: number[] = [];
  const pipeline = payment({
    charge: (_state, { signal, visit }) => {
      visits.push(visit);
      control.abort("enough");
      signal.throwIfAborted();
    },
    checkpointer: watch(),
  });
  const { signal } = control;
  expectStatus(await pipeline.invoke({}, { runId: "r", signal }), "cancelled");
  const { state } = expectStatus(await pipeline.resume("r"), "completed");
  assertEquals([visits, state.log], [[1, 1], ["shipped"]]);
});

Deno.test("a run whose handler is gone fails by name, until it is back", async () => {
  const checkpointer = new MemoryCheckpointer();
  const define = (onError: "mend" | "fail") =>
    definePipeline({
      name: "changed",
      state: unchecked<Work>(),
      nodes: {
        split: () => {},
        ask: () => pause("go on?"),
        bad: { run: decline, onError },
        mend: () => {},
      },
      start: "split",
      edges: { split: ["ask", "bad"], ask: END, bad: END, mend: END },
    }, { checkpointer });
  expectStatus(await define("mend").invoke({}, { runId: "r" }), "paused");
  const resumed = await define("fail").resume("r", { approvePause: true });
  const { error, failedNode } = expectStatus(resumed, "failed");
  assertEquals(failedNode, "bad");
  assertInstanceOf(error, TypeError);
  for (const word of ['"bad"', '"changed"', "onError"]) assertStringIncludes(error.message, word);
  const { completedNodes } = expectStatus(await define("mend").resume("r"), "completed");
  assertEquals(completedNodes, ["split", "ask", "bad", "mend"]);
});

Deno.test("a timeout is told to the handler by its name", async () => {
  let name: string | undefined;
  const late: Effect = (_state, { signal }) => untilAborted(signal);
  const refund: Effect = (_state, { failure }) => void (name = failure?.error.name);
  await payment({ charge: late, refund, timeoutMs: 1 }).invoke({});
  assertEquals(name, NodeTimeoutError.name);
});
