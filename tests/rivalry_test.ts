import { assert } from "@std/assert";
import { BACKENDS } from "./places/open.ts";
import { placesOf } from "./places/place.ts";
import { rivalry } from "./rivalry/rivalry.ts";

for (const backend of BACKENDS) {
  const makePlace = await placesOf(backend);

  Deno.test(`${backend}: runs that processes fight over stay sound`, async () => {
    const { operations, outcomes } = await rivalry({ makePlace, seed: 1, operations: 150 });
    assert(operations >= 1_000, `only ${operations} operations`);
    // Rivals met: a fight that nobody loses shows nothing.
    const lost = [...outcomes].filter(([outcome]) => outcome.endsWith(": CheckpointConflictError"));
    assert(lost.length >= 3, `lost were only ${lost.join("; ") || "none"}`);
  });
}
