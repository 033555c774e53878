/**
 * Replacing parts of plain data without touching it: what stays the same is not copied.
 *
 * @module
 */

/** The record with each value as `change` gives it: the very same record if all are the same. */
export function rewriteRecord(
  source: Readonly<Record<string, unknown>>,
  keys: readonly string[],
  change: (key: string) => unknown,
): Readonly<Record<string, unknown>> {
  let copy: Record<string, unknown> | undefined;
  for (const key of keys) {
    const changed = change(key);
    // Not by a spread, which would call getters that `change` is still to refuse.
    if (changed !== source[key]) copy ??= pick(source, keys.slice(0, keys.indexOf(key)));
    if (copy !== undefined) setOwn(copy, key, changed);
  }
  return copy ?? source;
}

/** As `rewriteRecord`, for an array. */
export function rewriteArray(
  source: readonly unknown[],
  change: (index: number) => unknown,
): readonly unknown[] {
  let copy: unknown[] | undefined;
  for (let index = 0; index < source.length; index++) {
    const changed = change(index);
    if (changed !== source[index]) copy ??= source.slice(0, index);
    copy?.push(changed);
  }
  return copy ?? source;
}

function pick(source: Readonly<Record<string, unknown>>, keys: readonly string[]) {
  const picked: Record<string, unknown> = {};
  for (const key of keys) setOwn(picked, key, source[key]);
  return picked;
}

/** Assigning to `__proto__` could set the prototype. */
function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== "__proto__") target[key] = value;
  else {
    Object.defineProperty(target, key, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }
}
