import { assert } from "@std/assert";
import { crash } from "./crash/crash.ts";
import { BACKENDS } from "./places/open.ts";
import { placesOf } from "./places/place.ts";

const KILLS = 100;

for (const backend of BACKENDS) {
  const makePlace = await placesOf(backend);

  Deno.test(`${backend}: runs whose workers are killed at any moment end as if none had been`, async () => {
    const { kills } = await crash({ makePlace, seed: 1, goesOn: (so) => so.kills < KILLS });
    assert(kills >= KILLS, `only ${kills} workers were killed`);
  });
}
