/**
 * What a backend over a network bears: lost connections, lost answers, servers that stop.
 *
 * @module
 */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { type Checkpointer, CheckpointSaveError } from "../mod.ts";
import { assertUndisturbed, counting, disturbAt } from "./disturbed_runs.ts";
import { record } from "./probe_record.ts";
import { FaultyProxy } from "./servers/proxy.ts";
import { assertRefused, assertStored, sequences } from "./suite/checks.ts";

/** A server that may be stopped. */
export interface StoppableServer {
  /** Its port, the same after every start. */
  readonly port: number;
  /** Starts it, and comes back when it takes connections. */
  start(): Promise<void>;
  /** Stops it as an administrator would. */
  stop(): Promise<void>;
  /** Stops it as a crash would. */
  kill(): Promise<void>;
}

/** An empty store on the server. */
export interface FaultyStore extends AsyncDisposable {
  /** Opens a checkpointer, over one connection, to the server or to a proxy before it. */
  open(
    options?: { readonly retryForMs?: number; readonly timeoutMs?: number },
    port?: number,
  ): Promise<AsyncDisposable & { readonly checkpointer: Checkpointer }>;
  /** Ends all connections to it, as an administrator may. */
  endConnections(): Promise<void>;
}

/** What the suite asks of a driver before it can test it. */
export interface FaultHarness {
  /** Why it cannot be tested here, if it cannot. */
  readonly ignore?: string;
  /** The server; it keeps what it stored when it is killed. */
  readonly server: StoppableServer;
  /** What every save holds, on the wire, and nothing else. */
  readonly savesWith: string;
  /** What the backend throws. */
  readonly errorClass: new (message: string) => Error;
  /** Whether the client may send later what was given up here. */
  readonly isPatient?: boolean;
  /** Opens a store that nobody else uses. */
  open(): Promise<FaultyStore>;
}

/** A client of the caller's connects again in its own time. */
async function untilAnswered(checkpointer: Checkpointer): Promise<void> {
  for (let left = 20;; left--) {
    try {
      return void await checkpointer.loadLatest("factory", "r1");
    } catch (error) {
      if (left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** Registers the tests for one driver. */
export function faultSuite(name: string, harness: FaultHarness): void {
  const test = (behaviour: string, body: (store: FaultyStore) => Promise<void>) =>
    Deno.test({
      name: `${name}: ${behaviour}`,
      ignore: harness.ignore !== undefined,
      async fn() {
        await using store = await harness.open();
        await body(store);
      },
    });

  test("connections that end between saves are replaced", async (store) => {
    await using probe = await store.open();
    const { checkpointer } = probe;
    for (let sequence = 0; sequence < 20; sequence++) {
      await checkpointer.save(record(sequence));
      await store.endConnections();
      if (sequence % 2 === 0) await checkpointer.loadLatest("factory", "r1");
    }
    const history = await Array.fromAsync(checkpointer.history("factory", "r1"));
    assertEquals(sequences(history), Array.from({ length: 20 }, (_, index) => 19 - index));
  });

  test("connections that end during saves cost no run anything", async (store) => {
    await using probe = await store.open();
    const saves = Array.from({ length: 20 }, (_, index) => 20 * (index + 1));
    await using disturbance = disturbAt(saves, store.endConnections);
    await assertUndisturbed(probe.checkpointer, 10, 40, disturbance.count);
  });

  test("a server that stops and starts under 50 runs loses nothing", async (store) => {
    await using probe = await store.open();
    await using disturbance = disturbAt([200, 600], async (index) => {
      await (index === 0 ? harness.server.stop() : harness.server.kill());
      await harness.server.start();
    });
    await assertUndisturbed(probe.checkpointer, 50, 20, disturbance.count);
  });

  test("a server that stays away fails the call, and the run can go on", async (store) => {
    await using probe = await store.open({ retryForMs: 0, timeoutMs: 500 });
    const { checkpointer } = probe;
    const failing = counting(checkpointer, 5, {
      run: async ({ count }) => {
        if (count === 2) await harness.server.stop();
      },
    });
    try {
      const error = await assertRejects(
        () => failing.pipeline.invoke({ count: 0 }, { runId: "r" }),
        CheckpointSaveError,
      );
      assert(error instanceof CheckpointSaveError);
      assertInstanceOf(error.cause, harness.errorClass);
      assert(error.cause.cause instanceof Error);
      assertEquals(error.lastSequence, 2);
      await assertRejects(() => checkpointer.loadLatest("counting", "r"), harness.errorClass);
    } finally {
      await harness.server.start();
    }
    await untilAnswered(checkpointer);
    const { pipeline, ran } = counting(checkpointer, 5);
    const result = await pipeline.resume("r");
    assertEquals([result.status, result.state.count], ["completed", 5]);
    // The third was done, but could not be stored; unless the client did that later.
    const again = ran.map((taskId) => failing.ran.indexOf(taskId));
    if (!harness.isPatient) assertEquals(again, [2, -1, -1]);
    assert(again.every((index) => index === -1 || index === 2), String(again));
  });

  test("a save whose answer was lost is repeated without a conflict", async (store) => {
    await using proxy = new FaultyProxy(harness.server.port);
    await using probe = await store.open({}, proxy.port);
    const { checkpointer } = probe;
    await checkpointer.save(record(0));
    for (let sequence = 1; sequence <= 5; sequence++) {
      const swallowed = proxy.swallowAnswerTo(harness.savesWith);
      await checkpointer.save(record(sequence));
      await swallowed;
    }
    const saved = [4, 3, 2, 1, 0].map((sequence) => record(sequence));
    await assertStored(checkpointer, [record(5), ...saved]);
  });

  test("a save whose answer was lost conflicts with who went on since", async (store) => {
    await using proxy = new FaultyProxy(harness.server.port);
    await using probe = await store.open({}, proxy.port);
    await using rival = await store.open();
    await probe.checkpointer.save(record(0));
    const swallowed = proxy.swallowAnswerTo(harness.savesWith);
    proxy.refuses = true;
    await Promise.all([
      assertRefused(probe.checkpointer, record(1)),
      swallowed.then(async () => {
        await rival.checkpointer.save(record(2, { writer: "w2" }));
        proxy.refuses = false;
      }),
    ]);
    await assertStored(rival.checkpointer, [record(2, { writer: "w2" }), record(1), record(0)]);
  });

  test("a save that never arrived conflicts with who was quicker", async (store) => {
    await using proxy = new FaultyProxy(harness.server.port);
    await using probe = await store.open({}, proxy.port);
    await using rival = await store.open();
    await probe.checkpointer.save(record(0));
    const theirs = record(1, { writer: "w2" });
    proxy.cutAfter(10);
    proxy.refuses = true;
    await Promise.all([
      assertRefused(probe.checkpointer, record(1)),
      rival.checkpointer.save(theirs).then(() => proxy.refuses = false),
    ]);
    await assertStored(rival.checkpointer, [theirs, record(0)]);
  });

  test("a connection may be cut at any byte of a save", async (store) => {
    await using proxy = new FaultyProxy(harness.server.port);
    await using probe = await store.open({}, proxy.port);
    const { checkpointer } = probe;
    const bytes = [0, 1, 4, 5, 6, 50, 100, 200, 400, 500];
    await checkpointer.save(record(0));
    for (const [index, count] of bytes.entries()) {
      proxy.cutAfter(count);
      await checkpointer.save(record(index + 1));
    }
    const history = await Array.fromAsync(checkpointer.history("factory", "r1"));
    assertEquals(sequences(history), Array.from(history, (_, index) => bytes.length - index));
  });
}
