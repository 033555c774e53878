import { assert, assertEquals, AssertionError } from "@std/assert";
import fc from "fast-check";
import { type Checkpointer, type Durability, MemoryCheckpointer } from "../mod.ts";
import {
  assertEndsRight,
  type Fault,
  faultName,
  LATE,
  runUndisturbed,
  type Undisturbed,
} from "./faults/lives.ts";
import { OPERATIONS } from "./faulty_checkpointer.ts";
import { BACKENDS, openStore } from "./places/open.ts";
import { placesOf } from "./places/place.ts";
import { inParallel } from "./suite/parallel.ts";

const DURABILITIES: readonly Durability[] = ["sync", "async", "exit"];

for (const durability of DURABILITIES) {
  Deno.test(`whatever fails in memory, the factory ends right (${durability})`, async () => {
    await tryEveryFault(new MemoryCheckpointer(), durability);
  });

  Deno.test(`whatever fails, and fails again, the factory ends right (${durability})`, async () => {
    const store = new MemoryCheckpointer();
    const undisturbed = await runUndisturbed({ store, durability, name: "undisturbed" });
    const fault = fc.constantFrom(...everyFault(undisturbed));
    const some = fc.uniqueArray(fc.tuple(fault, fault), {
      minLength: 200,
      maxLength: 200,
      selector: (pair) => pair.map(faultName).join(" and "),
    });
    const [pairs = []] = fc.sample(some, { numRuns: 1, seed: 11 });
    let twice = 0;
    await inParallel(pairs, async (faults) => {
      if (await tryFaults(store, durability, faults, undisturbed) === 2) twice++;
    });
    assert(twice > 20, `only ${twice} of ${pairs.length} runs met both faults`);
  });
}

for (const backend of BACKENDS) {
  const makePlace = await placesOf(backend);

  Deno.test(`whatever fails on ${backend}, the factory ends right`, async () => {
    await using place = await makePlace();
    await using opened = await openStore(place.address);
    await tryEveryFault(opened.checkpointer, "sync");
  });
}

async function tryEveryFault(store: Checkpointer, durability: Durability): Promise<void> {
  const undisturbed = await runUndisturbed({ store, durability, name: "undisturbed" });

  await inParallel(everyFault(undisturbed), async (fault) => {
    const met = await tryFaults(store, durability, [fault], undisturbed);
    assertEquals(met, 1, `${faultName(fault)} was not met`);
  });
}

/** Every call of an undisturbed run, in every way in which it may fail. */
function everyFault({ calls }: Undisturbed): readonly Fault[] {
  return OPERATIONS.flatMap((at) => {
    assert(calls[at] > 0, `there is no ${at}`);
    return Array.from({ length: calls[at] }, (_, index) => index + 1).flatMap((nth): Fault[] => [
      { at, nth, how: "before" },
      { at, nth, how: "after" },
      ...LATE.map((happens): Fault => ({ at, nth, how: "hang", happens })),
    ]);
  });
}

async function tryFaults(
  store: Checkpointer,
  durability: Durability,
  faults: readonly Fault[],
  undisturbed: Undisturbed,
): Promise<number> {
  const name = faults.map(faultName).join(" and ");
  try {
    return await assertEndsRight({ store, durability, name }, faults, undisturbed);
  } catch (cause) {
    throw new AssertionError(`${name}: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
  }
}
