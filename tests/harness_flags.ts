/**
 * What the harnesses are told on the command line.
 *
 * @module
 */

import { type Backend, BACKENDS } from "./places/open.ts";

/** Refuses a flag, says how the command goes, and ends the process. */
export function refuse(usage: string, reason: string): never {
  console.error(`Cannot begin: ${reason}\nUsage: ${usage}`);
  Deno.exit(1);
}

/** The backend that a flag names. */
export function backendOf(value: string, usage: string): Backend {
  const backend = BACKENDS.find((known) => known === value);
  return backend ?? refuse(usage, `--backend must be one of ${BACKENDS.join(", ")}`);
}

/** The whole number that a flag gives. */
export function numberOf(flag: string, value: string, usage: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  return refuse(usage, `--${flag} must be a whole number`);
}

/** A seed for who gave none. */
export function anySeed(): string {
  return String(Math.floor(Math.random() * 1_000_000));
}
