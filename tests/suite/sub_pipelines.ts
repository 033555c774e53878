/**
 * Pipelines that run inside of others: they pause, go on, end and go away together.
 *
 * @module
 */

import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import {
  append,
  type Checkpointer,
  definePipeline,
  END,
  pause,
  send,
  subPipeline,
  SubPipelineError,
  unchecked,
} from "../../mod.ts";
import type { Test } from "./store.ts";

interface Trip {
  readonly city: string;
  readonly log: readonly string[];
}

interface Booking {
  readonly city: string;
  readonly price: number;
  readonly code: string;
}

/** What differs between processes. */
interface Process {
  readonly ran: string[];
  readonly isBroken?: boolean;
}

/** A trip to two cities: each is booked by another pipeline, which asks for its price. */
function trips(checkpointer: Checkpointer, { ran, isBroken = false }: Process) {
  const booking = definePipeline({
    name: "bookings / inner",
    state: unchecked<Booking>(),
    nodes: {
      offer: ({ city }) => {
        ran.push(`offer ${city}`);
        return { price: city.length };
      },
      ask: ({ city, price }) => pause(`${city} for ${price}?`, { payload: { price } }),
      book: ({ city }, { answer }) => {
        ran.push(`book ${city}`);
        if (isBroken) throw new Error(`no way to ${city}`);
        return { code: `${city} ${answer}` };
      },
    },
    start: "offer",
    edges: { offer: "ask", ask: "book", book: END },
  });
  return definePipeline({
    name: "trips",
    state: unchecked<Trip>(),
    reducers: { log: append },
    nodes: {
      plan: () => {},
      book: subPipeline(booking, {
        input: ({ city }: Trip) => ({ city, price: 0, code: "" }),
        output: ({ code }) => ({ log: code }),
      }),
      go: ({ log }) => ({ log: `going after ${log.length}` }),
    },
    start: "plan",
    edges: {
      plan: ["Rome", "Oslo"].map((city) => send("book", { city })),
      book: "go",
      go: END,
    },
  }, { checkpointer });
}

async function bookingsIn(checkpointer: Checkpointer) {
  const runs = await Array.fromAsync(checkpointer.listRuns("bookings / inner"));
  return runs.map(({ runId, status }) => [runId, status]).sort();
}

const TRIP = { city: "", log: [] };

/** Registers the tests. */
export function testSubPipelines(test: Test): void {
  test("pipelines inside of a run pause and go on with it elsewhere, each once", async (store) => {
    const ran: string[] = [];
    const { checkpointer } = store;
    const first = await trips(checkpointer, { ran }).invoke(TRIP, { runId: "r/1" });
    assert(first.status === "paused");
    assertEquals(first.pauses.map(({ id, reason }) => [id, reason]), [
      ["book#1", "Rome for 4?"],
      ["book#2", "Oslo for 4?"],
    ]);
    assertEquals(await bookingsIn(checkpointer), [
      ["trips/r%2F1/book/1", "paused"],
      ["trips/r%2F1/book/2", "paused"],
    ]);
    const other = await store.again();
    const [listed] = await Array.fromAsync(trips(other, { ran }).listRuns({ status: "paused" }));
    assertEquals(listed?.pauses, first.pauses);
    const oslo = { approvePause: true, pauseId: "book#2", answer: "window", by: "ana" } as const;
    const failed = await trips(other, { ran, isBroken: true }).resume("r/1", oslo);
    assert(failed.status === "failed");
    assertInstanceOf(failed.error, SubPipelineError);
    const mended = await trips(checkpointer, { ran }).resume("r/1");
    assert(mended.status === "paused");
    assertEquals(mended.pauses.map(({ id }) => id), ["book#1"]);
    const rome = { approvePause: true, answer: "aisle" } as const;
    const last = await trips(other, { ran }).resume("r/1", rome);
    assertEquals([last.status, last.state.log], [
      "completed",
      ["Rome aisle", "Oslo window", "going after 2"],
    ]);
    assertEquals(ran.slice(0, 2).toSorted(), ["offer Oslo", "offer Rome"]);
    assertEquals(ran.slice(2), ["book Oslo", "book Oslo", "book Rome"]);
    assertEquals((await bookingsIn(other)).map(([, status]) => status), ["completed", "completed"]);
  });

  test("pipelines inside of a run are cancelled and deleted with it, from elsewhere", async (store) => {
    const ran: string[] = [];
    for (const runId of ["r", "s"]) {
      await trips(store.checkpointer, { ran }).invoke(TRIP, { runId });
    }
    const other = await store.again();
    assertEquals(await trips(other, { ran }).cancel("r", { by: "ana" }), "cancelled");
    assertEquals(await bookingsIn(store.checkpointer), [
      ["trips/r/book/1", "cancelled"],
      ["trips/r/book/2", "cancelled"],
      ["trips/s/book/1", "paused"],
      ["trips/s/book/2", "paused"],
    ]);
    await trips(other, { ran }).deleteRun("r");
    assertEquals(await bookingsIn(store.checkpointer), [
      ["trips/s/book/1", "paused"],
      ["trips/s/book/2", "paused"],
    ]);
    assertEquals(await store.checkpointer.loadLatest("trips", "r"), undefined);
    const rejected = await trips(other, { ran }).reject("s", { pauseId: "book#1" });
    assertEquals(rejected.status, "paused", "the other booking is still asked for");
  });
}
