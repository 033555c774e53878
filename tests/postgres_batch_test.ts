import { assertEquals } from "@std/assert";
import { batching } from "../backends/postgres_batch.ts";
import type { StoredRow } from "../backends/postgres_row.ts";

/** How many rows each statement has where so many runs save at once. */
async function statementsOf(runs: number, lanes: number): Promise<readonly number[]> {
  const sizes: number[] = [];
  const commit = async (rows: readonly StoredRow[]) => {
    sizes.push(rows.length);
    await new Promise((resolve) => setTimeout(resolve));
    return rows;
  };
  const save = batching(lanes, { one: async (row) => void await commit([row]), many: commit });
  await Promise.all(Array.from({ length: runs }, (_, run) => save(rowOf(`run ${run}`))));
  return sizes;
}

function rowOf(run: string): StoredRow {
  return {
    pipeline: "batched",
    run,
    sequence: 0,
    node: "add",
    state: "{}",
    completedNodes: "[]",
    paused: false,
    pauseReason: undefined,
    status: undefined,
    writer: "writer",
    savedAt: undefined,
    details: "{}",
  };
}

Deno.test("runs that find a connection free save alone, at once", async () => {
  assertEquals(await statementsOf(3, 3), [1, 1, 1]);
});

Deno.test("up to sixteen saves that wait travel together, however many connections there are", async () => {
  assertEquals(await statementsOf(3 + 16, 3), [1, 1, 1, 16]);
  assertEquals(await statementsOf(3 + 20, 3), [1, 1, 1, 16, 4]);
});

Deno.test("of more saves than that, each connection gets its share", async () => {
  assertEquals((await statementsOf(3 + 90, 3)).slice(0, 5), [1, 1, 1, 30, 20]);
});
