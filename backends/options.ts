/**
 * What the options of the backends over a network have in common.
 *
 * @module
 */

/**
 * Refuses options that say neither or both of where to connect and with what.
 *
 * @param backend The class that cannot be made.
 * @throws {TypeError} Unless exactly one of `url` and `client` is given.
 */
export function requireOne(
  backend: string,
  { url, client }: { readonly url?: unknown; readonly client?: unknown },
): void {
  if ((url === undefined) !== (client === undefined)) return;
  throw new TypeError(`Cannot make a ${backend}: pass exactly one of \`url\` and \`client\``);
}

/**
 * Refuses a size or a time that is too small.
 *
 * @throws {RangeError} If the value is no number, or below the least one.
 */
export function refuseBelow(least: number, value: number, option: string): void {
  if (typeof value === "number" && value >= least) return;
  throw new RangeError(
    `Cannot use ${value} as ${option}: it must be a number of at least ${least}`,
  );
}
