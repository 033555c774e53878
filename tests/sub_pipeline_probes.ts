/** Pipelines that run inside of others, for the tests of sub-pipelines. */

import {
  append,
  type Checkpointer,
  definePipeline,
  END,
  type NodeContext,
  pause,
  send,
  type StandardSchema,
  subPipeline,
  unchecked,
} from "../mod.ts";

export interface Review {
  readonly text: string;
  readonly verdict: string;
  readonly notes: readonly string[];
}

export interface Book {
  readonly title: string;
  readonly chapter: string;
  readonly word: string;
  readonly log: readonly string[];
}

/** What is different about a review. */
export interface Reviewing {
  readonly checkpointer?: Checkpointer;
  /** Is told of each node that runs. */
  readonly ran?: string[];
  /** Work that is done before the verdict. */
  readonly judge?: (state: Review, context: NodeContext) => unknown;
  readonly questions?: number;
  readonly answer?: StandardSchema;
  readonly expiresInMs?: number;
  readonly hasRejected?: boolean;
}

/** Reads, asks so many questions side by side, and judges. */
export function reviews(
  { checkpointer, ran = [], judge, questions = 0, answer, expiresInMs, hasRejected = true }:
    Reviewing,
) {
  return definePipeline({
    name: "reviews",
    state: unchecked<Review>(),
    reducers: { notes: append },
    nodes: {
      read: ({ text }, { taskId }) => {
        ran.push(`read ${taskId}`);
        return { notes: `read ${text}` };
      },
      ask: {
        run: ({ text }, { visit }) =>
          pause(`question ${visit} on ${text}?`, { payload: { text, visit }, expiresInMs }),
        answer,
      },
      judge: async (state, context) => {
        ran.push("judge");
        await judge?.(state, context);
        return { verdict: `good after ${state.notes.length}, ${context.answer}` };
      },
      drop: () => ({ verdict: "dropped" }),
    },
    start: "read",
    edges: {
      read: questions === 0 ? "judge" : Array.from({ length: questions }, () => send("ask", {})),
      ask: hasRejected
        ? { route: () => "judge", to: ["judge"], rejected: "drop" }
        : { route: () => "judge", to: ["judge"] },
      judge: END,
      drop: END,
    },
  }, checkpointer && { checkpointer });
}

/** The reviews that are kept, the one saved last first. */
export async function reviewsOf(store: Checkpointer) {
  return await Array.fromAsync(store.listRuns("reviews"));
}

/** A book whose chapter is reviewed by another pipeline. */
export function books(
  checkpointer: Checkpointer | undefined,
  inner: ReturnType<typeof reviews>,
  { hasRejected = false, leaseMs = 30_000 } = {},
) {
  return definePipeline({
    name: "books",
    state: unchecked<Book>(),
    reducers: { log: append },
    nodes: {
      write: ({ title }) => ({ chapter: `${title} 1` }),
      review: subPipeline(inner, {
        input: ({ chapter }: Book) => ({ text: chapter, notes: [] }),
        output: ({ verdict }, { chapter }) => ({ log: `${chapter} is ${verdict}` }),
        update: ({ word }, { approved }) => ({ notes: `${word} ${approved}` }),
      }),
      print: () => ({ log: "printed" }),
      bury: () => ({ log: "buried" }),
    },
    start: "write",
    edges: {
      write: "review",
      review: hasRejected
        ? { route: () => "print", to: ["print"], rejected: "bury" }
        : { route: () => "print", to: ["print"] },
      print: END,
      bury: END,
    },
  }, { leaseMs, ...(checkpointer && { checkpointer }) });
}

export const BOOK = { title: "Ada", word: "", log: [] };
export const YES = { approvePause: true } as const;
export const INNER = "books/b/review/1";

/** Two levels down: a shelf of books that are reviewed side by side. */
export function shelves(checkpointer: Checkpointer, inner: ReturnType<typeof books>) {
  return definePipeline({
    name: "shelves",
    state: unchecked<{ title: string; log: readonly string[] }>(),
    reducers: { log: append },
    nodes: {
      split: () => {},
      book: subPipeline(inner, {
        input: ({ title }: { readonly title: string }) => ({ title, word: "", log: [] }),
        output: ({ log }, { title }) => ({ log: `${title}: ${log.join(", ")}` }),
      }),
      close: () => ({ log: "closed" }),
    },
    start: "split",
    edges: {
      split: ["Ada", "Bob"].map((title) => send("book", { title })),
      book: "close",
      close: END,
    },
  }, { checkpointer });
}
