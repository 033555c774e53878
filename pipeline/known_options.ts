/**
 * Options that are known, and others.
 *
 * @module
 */

import { quoted } from "./errors.ts";

/**
 * Refuses options that nobody knows: what was misspelt would go unheard.
 *
 * @throws {TypeError} Naming the first unknown option and the known ones.
 */
export function refuseUnknownOptions(
  options: object,
  known: readonly string[],
  what: string,
): void {
  for (const option of Object.keys(options)) {
    if (known.includes(option)) continue;
    throw new TypeError(
      `Cannot ${what}: there is no option "${option}"; the options are ${quoted(known)}`,
    );
  }
}
