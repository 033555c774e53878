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

/** Runs a script by its digest; the error is `NOSCRIPT` where the server does not know it. */
export function sendScript(
  send: SendCommand,
  { sha }: Script,
  keys: Keys,
  args: readonly string[],
): Promise<unknown> {
  if (typeof sha !== "string") return sha.then((digest) => sendDigest(send, digest, keys, args));
  return sendDigest(send, sha, keys, args);
}

function sendDigest(
  send: SendCommand,
  digest: string,
  keys: Keys,
  args: readonly string[],
): Promise<unknown> {
  return send(["evalsha", digest, String(keys.length), ...keys, ...args], keys[0]);
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
  try {
    return await sendScript(send, script, keys, args);
  } catch (error) {
    if (!isUnknownScript(error)) throw error;
    return await send(["eval", script.text, String(keys.length), ...keys, ...args], keys[0]);
  }
}

/** Whether the server was asked for a script that it was not told, or forgot. */
export function isUnknownScript(error: unknown): boolean {
  return codeOf(error) === "NOSCRIPT";
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
