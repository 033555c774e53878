/// <reference lib="deno.worker" />
import { PGlite } from "npm:@electric-sql/pglite@0.5.16";
import type { Answer, Question } from "./pglite.ts";

const database = new PGlite();

addEventListener("message", async ({ data: { id, text } }: MessageEvent<Question>) => {
  postMessage(await answer(id, text));
});

async function answer(id: number, text: string): Promise<Answer> {
  try {
    const { rows } = await database.query(text);
    return { id, rows };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { id, failure: { message: error.message, code: Reflect.get(error, "code") } };
  }
}
