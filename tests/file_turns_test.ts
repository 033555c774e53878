import { assert, assertEquals } from "@std/assert";
import { makeTurns } from "../backends/file_system.ts";

Deno.test("reading that takes long lets a timer go off meanwhile", async () => {
  const takeTurn = makeTurns();
  let hasGoneOff = false;
  const timer = setTimeout(() => hasGoneOff = true, 1);
  let turns = 0;
  while (!hasGoneOff && turns < 1_000) {
    const turn = takeTurn();
    if (turn === undefined) continue;
    turns++;
    await turn;
  }
  clearTimeout(timer);
  assert(hasGoneOff, `The timer did not go off in ${turns} turns`);
});

Deno.test("reading that takes no time lets nobody wait", () => {
  assertEquals(makeTurns()(), undefined);
});
