/**
 * Clients of `@db/redis` send a command when the one before it was answered. What is asked of them
 * at once travels together here: in a pipeline.
 *
 * @module
 */

import type { SendCommand } from "./redis_client.ts";
import { has } from "./shape.ts";

interface Waiting {
  readonly words: readonly [string, ...string[]];
  readonly answer: PromiseWithResolvers<unknown>;
}

/** The part of a client of `@db/redis` that is used here. */
export interface PipeliningClient {
  /** Whether it has a connection, as far as it knows. */
  readonly isConnected?: unknown;
  /** Sends a command. */
  sendCommand(command: string, args: string[]): unknown;
  /** Collects commands, to be sent together. */
  pipeline(): unknown;
}

/** So that no command waits for very many others. */
const MOST_COMMANDS = 1_000;

/**
 * Sends commands in batches: all that were asked for since the last batch left, as soon as that was
 * answered. When the connection is lost, all commands of a batch fail.
 */
export function inBatches(client: PipeliningClient): SendCommand {
  let waiting: Waiting[] = [];
  let isSending = false;

  const sendAll = async () => {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, MOST_COMMANDS);
      waiting = waiting.slice(MOST_COMMANDS);
      await sendBatch(client, batch);
    }
    isSending = false;
  };

  return (words) => {
    const answer = Promise.withResolvers<unknown>();
    waiting.push({ words, answer });
    if (!isSending) {
      isSending = true;
      // Whoever asks for several at once has then asked for all of them.
      queueMicrotask(sendAll);
    }
    return answer.promise;
  };
}

/** Sends a batch and settles its answers; never throws. */
async function sendBatch(client: PipeliningClient, batch: readonly Waiting[]): Promise<void> {
  // A lazy client opens its connection for a command, but not for a pipeline.
  const alone = client.isConnected === false || batch.length === 1 ? 1 : 0;
  for (const { words: [command, ...args], answer } of batch.slice(0, alone)) {
    await settle(answer, () => client.sendCommand(command, args));
  }
  const together = batch.slice(alone);
  if (together.length > 0) await sendPipeline(client, together);
}

async function sendPipeline(client: PipeliningClient, batch: readonly Waiting[]): Promise<void> {
  let replies: readonly unknown[];
  try {
    replies = await flushed(client, batch);
  } catch (error) {
    for (const { answer } of batch) answer.reject(error);
    return;
  }
  for (const [index, { answer }] of batch.entries()) {
    const reply = replies[index];
    if (reply instanceof Error) answer.reject(reply);
    else answer.resolve(reply);
  }
}

async function flushed(
  client: PipeliningClient,
  batch: readonly Waiting[],
): Promise<readonly unknown[]> {
  const pipeline = client.pipeline();
  if (!has(pipeline, "sendCommand") || !has(pipeline, "flush")) {
    throw new TypeError("Cannot use this client for Redis: its pipeline() takes no commands");
  }
  for (const { words: [command, ...args] } of batch) pipeline.sendCommand(command, args);
  const replies = await pipeline.flush();
  if (Array.isArray(replies) && replies.length === batch.length) return replies;
  throw new TypeError("Cannot read what the Redis client answered: it is not as many replies");
}

async function settle(
  { resolve, reject }: PromiseWithResolvers<unknown>,
  work: () => unknown,
): Promise<void> {
  try {
    resolve(await work());
  } catch (error) {
    reject(error);
  }
}
