/**
 * Doing much at once, but not everything.
 *
 * @module
 */

/** Awaits the work on every item, at most 32 at a time; rejects when all have ended. */
export async function inParallel<Item>(
  items: Iterable<Item>,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const queue = [...items].entries();
  const worker = async () => {
    for (const [, item] of queue) await work(item);
  };
  const { errors } = await settle(Array.from({ length: 32 }, worker));
  if (errors.length > 0) throw errors[0];
}

/** Awaits what was begun at once, and tells what succeeded from what failed. */
export async function settle<Result>(
  begun: readonly Promise<Result>[],
): Promise<{ readonly results: readonly Result[]; readonly errors: readonly unknown[] }> {
  const results: Result[] = [];
  const errors: unknown[] = [];
  for (const outcome of await Promise.allSettled(begun)) {
    if (outcome.status === "fulfilled") results.push(outcome.value);
    else errors.push(outcome.reason);
  }
  return { results, errors };
}
