/**
 * A PGlite in a thread of its own: it leaves timers of 10 seconds behind after a statement, which
 * the sanitizers would take for leaks of whoever sent it.
 *
 * @module
 */

/** A statement to run. */
export interface Question {
  readonly id: number;
  readonly text: string;
}

/** What came of it. */
export type Answer =
  & { readonly id: number }
  & (
    | { readonly rows: readonly unknown[] }
    | { readonly failure: { readonly message: string; readonly code: unknown } }
  );

/** The part of a PGlite that is used. */
export interface RemotePglite {
  /** Runs one statement. */
  query(text: string): Promise<{ readonly rows: readonly unknown[] }>;
}

/** Starts one with an empty database in memory; it ends with this process. */
export async function startPglite(): Promise<RemotePglite> {
  const worker = new Worker(new URL("./pglite_worker.ts", import.meta.url), { type: "module" });
  const asked = new Map<number, (answer: Answer) => void>();
  let questions = 0;
  worker.addEventListener("message", ({ data }: MessageEvent<Answer>) => {
    asked.get(data.id)?.(data);
    asked.delete(data.id);
  });
  const pglite: RemotePglite = {
    async query(text) {
      const id = ++questions;
      const answer = await new Promise<Answer>((resolve) => {
        asked.set(id, resolve);
        worker.postMessage({ id, text } satisfies Question);
      });
      if ("rows" in answer) return answer;
      const { message, code } = answer.failure;
      throw Object.assign(new Error(message), { code });
    },
  };
  await pglite.query("SELECT 1");
  return pglite;
}
