/**
 * Tests that are the same on every backend, each over an empty store that processes may share.
 *
 * @module
 */

import { type Checkpointer, MemoryCheckpointer } from "../mod.ts";
import { type Backend, BACKENDS, openStore } from "./places/open.ts";
import { placesOf } from "./places/place.ts";

const places = await Promise.all(
  BACKENDS.map(async (backend) => ({ backend, makePlace: await placesOf(backend) })),
);

/** Registers one test for each of them, and one in memory. */
export function onEveryBackend(
  behaviour: string,
  body: (store: Checkpointer, backend: Backend | "memory") => Promise<void>,
): void {
  Deno.test(`memory: ${behaviour}`, () => body(new MemoryCheckpointer(), "memory"));
  for (const { backend, makePlace } of places) {
    Deno.test(`${backend}: ${behaviour}`, async () => {
      await using place = await makePlace();
      await using opened = await openStore(place.address);
      await body(opened.checkpointer, backend);
    });
  }
}
