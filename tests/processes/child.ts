/**
 * Processes of Deno that work for a test: told what to do by lines, and killed.
 *
 * @module
 */

import { fromFileUrl } from "@std/path";
import { configArgs } from "../../tools/deno_args.ts";

/** How a process ended. */
export interface End {
  /** Whether it ended by itself, and well. */
  readonly success: boolean;
  /** What it printed on its standard error. */
  readonly complaint: string;
}

/** A process that was started. */
export interface Child extends AsyncDisposable {
  /** Resolves when it has ended. */
  readonly ended: Promise<End>;
  /** Sends it one line of JSON. */
  tell(order: unknown): Promise<void>;
  /** The next line that it prints; `undefined` when it has ended. */
  hear(): Promise<string | undefined>;
  /** Asks it to end, as who stops a service does. */
  stop(): void;
  /** Ends it as a power cut would end it, and waits until it is gone. */
  kill(): Promise<void>;
}

/** No start asks a registry: whoever starts a script has loaded what it needs. */
const OPTIONS = ["--no-check", "--cached-only", "--quiet", "-A"];

/** Starts a script, which finds the arguments in `Deno.args`. */
export function startChild(script: URL, args: readonly string[]): Child {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", ...OPTIONS, ...configArgs(), fromFileUrl(script), ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stdin = process.stdin.getWriter();
  const lines = linesOf(process.stdout);
  const complaint = new Response(process.stderr).text();
  const ended = (async (): Promise<End> => {
    const [{ success }, text] = await Promise.all([process.status, complaint]);
    // It may be gone before what it was told has reached it.
    await stdin.close().catch(() => {});
    return { success, complaint: text };
  })();
  const kill = async () => {
    try {
      process.kill("SIGKILL");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it has ended meanwhile
    }
    while ((await lines.next()).done !== true);
    await ended;
  };
  return {
    ended,
    async tell(order) {
      await stdin.write(new TextEncoder().encode(JSON.stringify(order) + "\n"));
    },
    async hear() {
      const { value } = await lines.next();
      return value;
    },
    stop: () => process.kill("SIGTERM"),
    kill,
    [Symbol.asyncDispose]: kill,
  };
}

/** Hears the orders that this process gets through {@linkcode Child.tell}, after saying it is ready. */
export async function hearOrder<Order>(): Promise<Order> {
  console.log("ready");
  const { value = "" } = await linesOf(Deno.stdin.readable).next();
  return JSON.parse(value);
}

async function* linesOf(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string, undefined> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}
