/**
 * Retries and handled failures over the backend: what one process waits for, another one goes on
 * with.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import {
  append,
  type Checkpointer,
  definePipeline,
  END,
  type FailureRecord,
  type RunEvent,
  send,
  unchecked,
} from "../../mod.ts";
import type { Test } from "./store.ts";

/** Registers the tests. */
export function testRetries(test: Test): void {
  test("what waits for its next attempt goes on counting where the run goes on", async (store) => {
    const ran: string[] = [];
    const control = new AbortController();
    const define = (checkpointer: Checkpointer, delayMs: number, onEvent?: Handler) =>
      definePipeline({
        name: "retries",
        state: unchecked<{ item: number; done: readonly string[] }>(),
        reducers: { done: append },
        nodes: {
          split: () => {},
          work: {
            run: ({ item }, { attempt }) => {
              ran.push(`${item} attempt ${attempt}`);
              if (attempt <= item) throw new Error(`attempt ${attempt}`);
              return { done: `${item}` };
            },
            retry: { attempts: 3, delayMs, factor: 1 },
          },
        },
        start: "split",
        edges: { split: [0, 1, 2].map((item) => send("work", { item })), work: END },
      }, { checkpointer, onEvent });
    const stop: Handler = (event) => {
      const isWaiting = event.type === "checkpointSaved" && ran.length === 3;
      if (isWaiting && event.nodeId === "work") control.abort("shutdown");
    };
    const first = await define(store.checkpointer, 3_600_000, stop)
      .invoke({ item: -1 }, { runId: "r", signal: control.signal });
    assertEquals(first.status, "cancelled");
    const other = await store.again();
    const elsewhere = define(other, 0);
    const [waiting] = await Array.fromAsync(elsewhere.history("r"));
    assertEquals(waiting?.tasks.map(({ status, attempt }) => [status, attempt]), [
      ["finished", undefined],
      ["pending", 1],
      ["pending", 1],
    ]);
    const retryAt = Date.parse(waiting?.tasks[1]?.retryAt ?? "");
    assert(retryAt > Date.now() + 3_000_000 && retryAt <= Date.now() + 3_600_000);
    const second = await elsewhere.resume("r");
    assertEquals([second.status, second.state.done], ["completed", ["0", "1", "2"]]);
    assertEquals(ran.toSorted(), [
      "0 attempt 1",
      "1 attempt 1",
      "1 attempt 2",
      "2 attempt 1",
      "2 attempt 2",
      "2 attempt 3",
    ]);
    const [last] = await Array.fromAsync(define(other, 0).history("r"));
    assertEquals(last?.attempts, [
      { node: "work", visit: 2, attempts: 2 },
      { node: "work", visit: 3, attempts: 3 },
    ]);
  });

  test("a failure that a node takes is the same where the run goes on", async (store) => {
    const seen: (readonly FailureRecord[])[] = [];
    let isBroken = true;
    const define = (checkpointer: Checkpointer) =>
      definePipeline({
        name: "handled",
        state: unchecked<{ item: number; done: readonly string[] }>(),
        reducers: { done: append },
        nodes: {
          split: () => {},
          work: {
            run: ({ item }) => {
              if (item > 0) throw new RangeError(`no ${item}`);
              return { done: "work" };
            },
            onError: "mend",
          },
          mend: (_state, { failures = [] }) => {
            seen.push(failures);
            if (isBroken) throw new Error("not yet");
            return { done: "mend" };
          },
        },
        start: "split",
        edges: { split: [0, 1, 2].map((item) => send("work", { item })), work: END, mend: END },
      }, { checkpointer });
    const first = await define(store.checkpointer).invoke({ item: -1 }, { runId: "r" });
    assert(first.status === "failed");
    assertEquals(first.failedNode, "mend");
    isBroken = false;
    const second = await define(await store.again()).resume("r");
    assertEquals([second.status, second.state.done], ["completed", ["work", "mend"]]);
    const told = seen[0]?.map(({ node, visit, error }) => [node, visit, error.name, error.message]);
    assertEquals(told, [["work", 2, "RangeError", "no 1"], ["work", 3, "RangeError", "no 2"]]);
    assertEquals(seen[1], seen[0]);
  });
}

type Handler = (event: RunEvent) => void;
