import { assert, assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import {
  type Checkpointer,
  definePipeline,
  END,
  InputValidationError,
  type NodeContext,
  type NodeOptions,
  pause,
  type PipelineOptions,
  type RetryOptions,
  type RunEvent,
  send,
  StateSerializationError,
  unchecked,
  type Update,
} from "../mod.ts";
import { expectStatus, untilAborted, untyped, watch } from "./engine_probes.ts";
import { withQuickTimers } from "./quick_timers.ts";

interface Work {
  count: number;
}

type Options = NodeOptions<Work, Update<Work, object>>;

/** One node with options. */
function single(node: Options, options: PipelineOptions<Work> = {}) {
  return definePipeline({
    name: "single",
    state: unchecked<Work>(),
    nodes: { work: node },
    start: "work",
    edges: { work: END },
  }, options);
}

/** The waits between the attempts of a node that always fails, as its events tell them. */
async function delaysOf(retry: RetryOptions): Promise<readonly number[]> {
  const delays: number[] = [];
  const onEvent = (event: RunEvent) => {
    if (event.type === "taskRetried") delays.push(event.delayMs);
  };
  const run = () => {
    throw new Error("no");
  };
  const asked = await withQuickTimers(async () => {
    expectStatus(await single({ run, retry }, { onEvent }).invoke({}), "failed");
  });
  // What is waited for is what is left of it, once the attempt was told and noted.
  assertEquals(asked.length, delays.length);
  for (const [index, ms] of asked.entries()) assert(ms <= (delays[index] ?? 0));
  return delays;
}

/** Calls of a node that throws what it is given, whatever the attempt. */
async function attemptsAt(error: unknown, retry: RetryOptions): Promise<number> {
  let calls = 0;
  const run = () => {
    calls++;
    throw error;
  };
  expectStatus(await single({ run, retry }).invoke({}), "failed");
  return calls;
}

Deno.test("each wait is longer than the one before by the factor, up to the longest one", async () => {
  const retry = { attempts: 6, delayMs: 100, factor: 3, maxDelayMs: 1_000 };
  assertEquals(await delaysOf(retry), [100, 300, 900, 1_000, 1_000]);
});

Deno.test("by default each wait is twice as long, and without a delay there is none", async () => {
  assertEquals(await delaysOf({ attempts: 5, delayMs: 10 }), [10, 20, 40, 80]);
  assertEquals(await delaysOf({ attempts: 3 }), [0, 0]);
  assertEquals(await delaysOf({ attempts: 3, factor: Infinity, maxDelayMs: 5 }), [0, 0]);
  assertEquals(await delaysOf({ attempts: 3, delayMs: 7, factor: 1 }), [7, 7]);
});

Deno.test("chance takes a share off each wait, as much as the jitter allows", async () => {
  const delays = await delaysOf({ attempts: 200, delayMs: 100, factor: 1, jitter: 0.25 });
  assert(delays.every((delay) => delay > 75 && delay <= 100));
  assert(new Set(delays).size > 100, "the waits are not all the same");
  const whole = await delaysOf({ attempts: 200, delayMs: 100, factor: 1, jitter: 1 });
  assert(whole.some((delay) => delay < 50) && whole.some((delay) => delay > 50));
});

Deno.test("a wait beyond what a timer can count is waited for in parts", async () => {
  const delayMs = 2 ** 31 * 2;
  const asked = await withQuickTimers(async () => {
    let attempts = 0;
    const run = () => {
      if (++attempts === 1) throw new Error("no");
    };
    const { status } = await single({ run, retry: { attempts: 2, delayMs } }).invoke({});
    assertEquals(status, "completed");
  });
  assertEquals(asked.slice(0, 2), [2 ** 31 - 1, 2 ** 31 - 1]);
  assertEquals(asked.length, 3);
});

Deno.test("retryOn decides whether a failed attempt is followed by another one", async () => {
  const asked: [error: unknown, attempt: number][] = [];
  const retryOn = (error: unknown, attempt: number) => {
    asked.push([error, attempt]);
    return attempt < 3;
  };
  assertEquals(await attemptsAt("busy", { attempts: 10, retryOn }), 3);
  assertEquals(asked, [["busy", 1], ["busy", 2], ["busy", 3]]);
  asked.length = 0;
  assertEquals(await attemptsAt("busy", { attempts: 2, retryOn }), 2);
  assertEquals(asked, [["busy", 1]], "it is not asked where no attempt is left");
});

Deno.test("a retryOn that throws, or answers with neither yes nor no, fails the task by name", async () => {
  const boom = new Error("boom");
  const bug = new Error("bug");
  const run = () => {
    throw boom;
  };
  const throwing = () => {
    throw bug;
  };
  const { error } = expectStatus(
    await single({ run, retry: { attempts: 3, retryOn: throwing } }).invoke({}, { runId: "r" }),
    "failed",
  );
  assertInstanceOf(error, AggregateError);
  assertEquals([error.errors, error.cause], [[boom, bug], bug]);
  for (const word of ["retryOn", '"work"', '"r"', '"single"']) {
    assertStringIncludes(error.message, word);
  }
  const retryOn = untyped<() => boolean>(() => Promise.resolve(false));
  const vague = await single({ run, retry: { attempts: 3, retryOn } }).invoke({});
  const { error: refusal } = expectStatus(vague, "failed");
  assertInstanceOf(refusal, TypeError);
  assertEquals(refusal.cause, boom);
  assertStringIncludes(refusal.message, "true or false");
});

Deno.test("what gave up by itself, and what was refused as invalid, is not tried again", async () => {
  const retry = { attempts: 5, retryOn: () => true };
  const final = [
    new DOMException("enough", "AbortError"),
    Object.assign(new Error("enough"), { name: "AbortError" }),
    new InputValidationError("other", [{ message: "no" }]),
    new StateSerializationError("state.a", "no"),
  ];
  for (const error of final) assertEquals(await attemptsAt(error, retry), 1, error.name);
  for (const error of [new TypeError("fetch failed"), new DOMException("late", "TimeoutError")]) {
    assertEquals(await attemptsAt(error, retry), 5, error.name);
  }
});

Deno.test("an answer that cannot be used is not asked for again", async () => {
  const answers = [7, { count: () => {} }];
  for (const answer of answers) {
    let calls = 0;
    const run = () => {
      calls++;
      return untyped<Work>(answer);
    };
    const options = { checkpointer: watch() };
    expectStatus(await single({ run, retry: { attempts: 3 } }, options).invoke({}), "failed");
    assertEquals(calls, 1);
  }
});

Deno.test("an attempt that took too long is tried again, even if the node itself gives up", async () => {
  const signals: AbortSignal[] = [];
  // Not async: it rejects in the very moment in which its signal aborts.
  const run: Options["run"] = (_state, { attempt, signal }) => {
    signals.push(signal);
    if (attempt === 2) return { count: 2 };
    const { promise, reject } = Promise.withResolvers<never>();
    signal.addEventListener("abort", () => reject(new DOMException("gave up", "AbortError")));
    return promise;
  };
  const { state } = expectStatus(
    await single({ run, timeoutMs: 5, retry: { attempts: 2 } }).invoke({}),
    "completed",
  );
  assertEquals(state.count, 2);
  assertEquals(signals.map(({ aborted }) => aborted), [true, false]);
});

/** Fails, and has its run cancelled while it waits for the next attempt. */
async function cancelledWhileWaiting(checkpointer: Checkpointer, retry: RetryOptions) {
  const control = new AbortController();
  const told: NodeContext[] = [];
  const run: Options["run"] = (_state, context) => {
    told.push(context);
    throw new Error(`attempt ${context.attempt}`);
  };
  const onEvent = ({ type }: RunEvent) => {
    if (type === "checkpointSaved" && told.length > 0) control.abort("shutdown");
  };
  const pipeline = single({ run, retry }, { checkpointer, onEvent });
  const { signal } = control;
  expectStatus(await pipeline.invoke({}, { runId: "r", signal }), "cancelled");
  assertEquals(told.length, 1);
  return { pipeline, taskId: told[0]?.taskId };
}

Deno.test("while a task waits for its next attempt, the history tells which and when", async () => {
  const checkpointer = watch();
  const before = Date.now();
  const retry = { attempts: 3, delayMs: 3_600_000 };
  const { pipeline } = await cancelledWhileWaiting(checkpointer, retry);
  const after = Date.now();
  const [, entry] = await Array.fromAsync(pipeline.history("r"));
  assertEquals([entry?.status, entry?.nodeId], ["running", "work"]);
  const [task] = entry?.tasks ?? [];
  assertEquals([task?.status, task?.attempt], ["pending", 1]);
  const due = Date.parse(task?.retryAt ?? "");
  assert(due >= before + 3_600_000 && due <= after + 3_600_000);
});

Deno.test("a resumed run waits for what is left, and goes on counting", async () => {
  const checkpointer = watch();
  const delayMs = 3_600_000;
  const { taskId } = await cancelledWhileWaiting(checkpointer, { attempts: 3, delayMs });
  const told: [attempt: number, taskId: string][] = [];
  const started: number[] = [];
  const run: Options["run"] = (_state, context) => {
    told.push([context.attempt, context.taskId]);
    throw new Error(`attempt ${context.attempt}`);
  };
  const onEvent = (event: RunEvent) => {
    if (event.type === "taskStarted") started.push(event.attempt);
  };
  const pipeline = single({ run, retry: { attempts: 3, delayMs, factor: 1 } }, {
    checkpointer,
    onEvent,
  });
  const { now } = Date;
  const asked = await withQuickTimers(async () => {
    // The process comes back 40 minutes later.
    Date.now = () => now() + 2_400_000;
    try {
      const { error } = expectStatus(await pipeline.resume("r"), "failed");
      assertInstanceOf(error, Error);
      assertEquals(error.message, "attempt 3");
    } finally {
      Date.now = now;
    }
  });
  assertEquals(told, [[2, taskId], [3, taskId]]);
  assertEquals(started, [2]);
  const [left = 0, whole = 0] = asked;
  assert(left <= 1_200_000 && left > 600_000, `waited for ${left} ms`);
  assert(whole <= delayMs && whole > delayMs - 600_000, `waited for ${whole} ms`);
});

Deno.test("a clock that is far off makes no wait longer than the whole one", async () => {
  const checkpointer = watch();
  await cancelledWhileWaiting(checkpointer, { attempts: 2, delayMs: 3_600_000 });
  const attempts: number[] = [];
  const run: Options["run"] = (_state, { attempt }) => {
    attempts.push(attempt);
  };
  const pipeline = single({ run, retry: { attempts: 2, delayMs: 10 } }, { checkpointer });
  const asked = await withQuickTimers(async () => {
    expectStatus(await pipeline.resume("r"), "completed");
  });
  assertEquals(attempts, [2]);
  assertEquals(asked, [10]);
});

Deno.test("a run that had failed gives its node all attempts again", async () => {
  const checkpointer = watch();
  const attempts: number[] = [];
  let isMended = false;
  const run: Options["run"] = (_state, { attempt }) => {
    attempts.push(attempt);
    if (!isMended || attempt < 2) throw new Error("no");
  };
  const pipeline = single({ run, retry: { attempts: 2 } }, { checkpointer });
  expectStatus(await pipeline.invoke({}, { runId: "r" }), "failed");
  const [failed] = await Array.fromAsync(pipeline.history("r"));
  assertEquals(failed?.attempts, [{ node: "work", visit: 1, attempts: 2 }]);
  assertEquals(failed?.tasks, [{ node: "work", visit: 1, status: "pending" }]);
  isMended = true;
  expectStatus(await pipeline.resume("r"), "completed");
  assertEquals(attempts, [1, 2, 1, 2]);
});

Deno.test("the history tells how many attempts a visit took, where it was more than one", async () => {
  const checkpointer = watch();
  const pipeline = definePipeline({
    name: "fan-out",
    state: unchecked<Work>(),
    nodes: {
      work: {
        run: ({ count }, { attempt }) => {
          if (attempt < count) throw new Error("not yet");
          return count === 3 ? pause("good?") : {};
        },
        retry: { attempts: 3 },
      },
    },
    start: "work",
    edges: { work: (_state) => [] },
  }, { checkpointer });
  expectStatus(await pipeline.invoke({ count: 1 }, { runId: "one" }), "completed");
  for (const entry of await Array.fromAsync(pipeline.history("one"))) {
    assertEquals(entry.attempts, []);
  }
  expectStatus(await pipeline.invoke({ count: 3 }, { runId: "three" }), "paused");
  const history = await Array.fromAsync(pipeline.history("three"));
  assertEquals(history.map(({ attempts, tasks }) => [attempts, tasks.map((it) => it.attempt)]), [
    [[{ node: "work", visit: 1, attempts: 3 }], []],
    [[], [2]],
    [[], [1]],
    [[], [undefined]],
  ]);
});

Deno.test("in a fan-out each task counts its own attempts, stored while others run", async () => {
  const checkpointer = watch();
  const ended = Promise.withResolvers<void>();
  const pipeline = definePipeline({
    name: "fan-out",
    state: unchecked<Work>(),
    nodes: {
      split: () => {},
      work: {
        run: async ({ count }, { attempt }) => {
          if (count === 0) await ended.promise;
          if (attempt < count) throw new Error("not yet");
          if (count === 2) ended.resolve();
        },
        retry: { attempts: 3 },
      },
    },
    start: "split",
    edges: { split: [0, 1, 2].map((count) => send("work", { count })), work: END },
  }, { checkpointer });
  expectStatus(await pipeline.invoke({ count: 0 }, { runId: "r" }), "completed");
  const attempts = checkpointer.records.map(({ tasks }) => tasks.map(({ attempt }) => attempt));
  const waiting = attempts.findIndex(([, , third]) => third === 1);
  const done = attempts.findIndex(([, , third]) => third === 2);
  assert(waiting > 0 && done > waiting);
  assertEquals(checkpointer.records.at(-1)?.attempts, [{ node: "work", visit: 3, attempts: 2 }]);
});

Deno.test("the next attempt waits until the failed one is stored", async () => {
  const told: string[] = [];
  const checkpointer = watch(({ tasks: [task] }) => {
    if (task?.attempt !== undefined) told.push(`stored ${task.attempt}`);
  });
  const run: Options["run"] = (_state, { attempt }) => {
    told.push(`attempt ${attempt}`);
    if (attempt < 3) throw new Error("not yet");
  };
  await single({ run, retry: { attempts: 3 } }, { checkpointer }).invoke({});
  assertEquals(told, ["attempt 1", "stored 1", "attempt 2", "stored 2", "attempt 3"]);
});

Deno.test("an attempt that cannot be stored fails the call before the next one begins", async () => {
  const cause = new Error("disk full");
  const checkpointer = watch(({ tasks: [task] }) => {
    if (task?.attempt !== undefined) throw cause;
  });
  let attempts = 0;
  const run: Options["run"] = () => {
    attempts++;
    throw new Error("no");
  };
  const pipeline = single({ run, retry: { attempts: 3, delayMs: 60_000 } }, { checkpointer });
  const error = await pipeline.invoke({}).catch((error: unknown) => error);
  assertInstanceOf(error, Error);
  assertEquals([error.name, error.cause, attempts], ["CheckpointSaveError", cause, 1]);
});

Deno.test("a durability of exit stores what is waited for when the call ends", async () => {
  const checkpointer = watch();
  const control = new AbortController();
  const run: Options["run"] = () => {
    throw new Error("no");
  };
  const pipeline = single({ run, retry: { attempts: 3, delayMs: 3_600_000 } }, {
    checkpointer,
    durability: "exit",
    onEvent: ({ type }) => {
      if (type === "taskRetried") setTimeout(() => control.abort(), 0);
    },
  });
  expectStatus(await pipeline.invoke({}, { signal: control.signal }), "cancelled");
  assertEquals(checkpointer.records.map(({ tasks: [task] }) => task?.attempt), [undefined, 1]);
});

Deno.test("a wait for the next attempt ends when the run is cancelled", async () => {
  const control = new AbortController();
  const run: Options["run"] = async (_state, { signal, attempt }) => {
    if (attempt === 1) throw new Error("no");
    return await untilAborted(signal);
  };
  const onEvent = ({ type }: RunEvent) => {
    if (type === "taskRetried") setTimeout(() => control.abort("enough"), 1);
  };
  const pipeline = single({ run, retry: { attempts: 3, delayMs: 3_600_000 } }, { onEvent });
  expectStatus(await pipeline.invoke({}, { signal: control.signal }), "cancelled");
});
