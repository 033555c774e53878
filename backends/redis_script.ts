/**
 * Running scripts: by their digest, and with their text where the server does not know it.
 *
 * @module
 */

import { hexOf } from "./names.ts";
import type { SendCommand } from "./redis_client.ts";
import { codeOf } from "./redis_error.ts";

/** A script. */
export interface Script {
  /** Its text. */
  readonly text: string;
  /** SHA-1 of the text in hexadecimal digits: how the server knows it once it was sent. */
  readonly sha: string | Promise<string>;
}

/** Keys of a script; the first one tells a cluster's client where to send it. */
export type Keys = readonly [string, ...string[]];

/** Runs a script; comes back with what it answered. */
export type RunScript = (script: Script, keys: Keys, args: readonly string[]) => Promise<unknown>;

/** Makes a script; its digest is computed when it is first used. */
export function makeScript(text: string): Script {
  let sha: string | Promise<string> | undefined;
  return {
    text,
    get sha() {
      return sha ??= sha1(text).then((digest) => sha = digest);
    },
  };
}

/**
 * Runs a script. A server forgets scripts when it restarts, on `SCRIPT FLUSH`, or when it has too
 * many; it is then told the text again.
 */
export async function runScript(
  send: SendCommand,
  script: Script,
  keys: Keys,
  args: readonly string[],
): Promise<unknown> {
  const words = [String(keys.length), ...keys, ...args];
  try {
    const sha = typeof script.sha === "string" ? script.sha : await script.sha;
    return await send(["evalsha", sha, ...words], keys[0]);
  } catch (error) {
    if (codeOf(error) !== "NOSCRIPT") throw error;
    return await send(["eval", script.text, ...words], keys[0]);
  }
}

/** A text that a script answered; `undefined` for none. */
export function textOf(reply: unknown): string | undefined {
  if (typeof reply === "string") return reply;
  if (reply instanceof Uint8Array) return decoder.decode(reply);
  if (reply === null || reply === undefined) return undefined;
  throw new TypeError(`Cannot read what the Redis client answered: ${typeof reply} is no text`);
}

/** A list of texts that a script answered. */
export function textsOf(reply: unknown): readonly (string | undefined)[] {
  return listOf(reply).map(textOf);
}

/** A list that a script answered. */
export function listOf(reply: unknown): readonly unknown[] {
  if (Array.isArray(reply)) return reply;
  throw new TypeError("Cannot read what the Redis client answered: it is no list");
}

const decoder = new TextDecoder();

async function sha1(text: string): Promise<string> {
  return hexOf(await crypto.subtle.digest("SHA-1", new TextEncoder().encode(text)));
}
