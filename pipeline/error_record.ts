/**
 * What was thrown, as plain data.
 *
 * @module
 */

import type { ErrorRecord } from "./task_record.ts";

/** A thrown value as plain data, for records and traces. */
export function errorRecord(error: unknown): ErrorRecord {
  if (!(error instanceof Error)) return { name: typeof error, message: textOf(error) };
  const { name, message, stack } = error;
  return stack === undefined ? { name, message } : { name, message, stack };
}

function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return "a value that has no text";
  }
}
