import { assert, assertEquals } from "@std/assert";
import { BACKENDS } from "./places/open.ts";
import { placesOf } from "./places/place.ts";
import { STEPS } from "./soak/runs.ts";
import { MOST_GROWTH, soak } from "./soak/soak.ts";

const RUNS = 200;

for (const backend of BACKENDS) {
  const makePlace = await placesOf(backend);

  Deno.test(`${backend}: runs under which the store fails lose nothing, and leave nothing`, async () => {
    const figures = await soak({
      makePlace,
      runs: RUNS,
      concurrency: 50,
      seed: 1,
      paceMs: 20,
      faultEveryMs: 500,
    });
    assertEquals([figures.lost, figures.left], [[], []]);
    assertEquals(figures.runs, RUNS);
    assert(figures.steps >= RUNS * STEPS && figures.operations > figures.steps);
    assert(figures.faults.size > 0, "nothing happened to the store");
    const [before, after] = figures.heap;
    assert(after - before <= MOST_GROWTH, `the heap grew from ${before} to ${after} bytes`);
  });
}
