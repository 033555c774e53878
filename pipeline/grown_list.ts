/**
 * Lists that grew from one another, known by their identity: to see that one begins with another,
 * to freeze, encode or store what was added, nobody has to walk what was there before.
 *
 * @module
 */

/**
 * The items of each list's family: all of its lists are frozen, and each holds as many of the
 * family's items, from the first one on, as it is long.
 */
const families = new WeakMap<readonly unknown[], unknown[]>();

/** Whether a list begins with the very items of another one. */
export function startsWith(list: readonly unknown[], head: readonly unknown[]): boolean {
  if (list.length < head.length) return false;
  const family = families.get(head);
  if (family !== undefined && family === families.get(list)) return true;
  // The same items, and not frozen: read in half the time.
  const items = family ?? head;
  for (let index = 0; index < head.length; index++) {
    if (!Object.is(list[index], items[index])) return false;
  }
  return true;
}

/**
 * A frozen list of the items of a frozen list, and others after them.
 *
 * @param list Never changes; `noteGrowth` and this function may have made it.
 */
export function growList<T>(list: readonly T[], items: readonly T[]): readonly T[];
export function growList(list: readonly unknown[], items: readonly unknown[]): readonly unknown[] {
  const family = familyOf(list);
  if (family === undefined) return Object.freeze([...list, ...items]);
  for (const item of items) family.push(item);
  // Copied from what is not frozen, where the engine is quick at it.
  const grown = Object.freeze(family.slice());
  families.set(grown, family);
  return grown;
}

/** Notes that a list begins with another one, as `startsWith` found; neither changes any more. */
export function noteGrowth(list: readonly unknown[], head: readonly unknown[]): void {
  const family = familyOf(head);
  if (family === undefined || family === families.get(list)) return;
  for (let index = head.length; index < list.length; index++) family.push(list[index]);
  families.set(list, family);
}

/** The family that a list may add to: only the longest one may, for a family does not branch. */
function familyOf(list: readonly unknown[]): unknown[] | undefined {
  const family = families.get(list);
  if (family !== undefined) return family.length === list.length ? family : undefined;
  const founded = [...list];
  families.set(list, founded);
  return founded;
}
