/**
 * The pipeline that dies at every save: a branch, a cycle, a fan-out and a pause.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import {
  append,
  type Checkpointer,
  definePipeline,
  END,
  type NodeContext,
  pause,
  type RunEvent,
  send,
  unchecked,
} from "../../mod.ts";

/** The state of a book in the making. */
export interface Book {
  /** What it is about. */
  readonly topic: string;
  /** Drafts, each the successor of the one before. */
  readonly drafts: readonly string[];
  /** The chapter that a task of the fan-out writes. */
  readonly chapter: number;
  /** Chapters, in order. */
  readonly chapters: readonly string[];
  /** Whether it may be printed. */
  readonly approved: boolean;
  /** Where it was printed. */
  readonly printed: string;
}

/** What a new book begins with. */
export const BLANK: Book = {
  topic: "durability",
  drafts: [],
  chapter: 0,
  chapters: [],
  approved: false,
  printed: "",
};

/** What a pipeline of books is called in its store. */
export const BOOKS = "books";

/** What nodes did to the world outside, which outlives every process. */
export class Effects {
  /** What was done, by task id without the run's own. */
  readonly byTask: Map<string, unknown>;
  /** What was done when the process was dead already. */
  readonly afterDeath: string[] = [];
  readonly #isDead: () => boolean;

  /** Takes what was done before, and whether the process is dead. */
  constructor(byTask = new Map<string, unknown>(), isDead: () => boolean = () => false) {
    this.byTask = byTask;
    this.#isDead = isDead;
  }

  /** Notes an effect; a task that runs again must do the same again. */
  note<Did>({ taskId, runId }: NodeContext, did: Did): Did {
    const key = taskId.replace(runId, "<run>");
    if (this.byTask.has(key)) assertEquals<unknown>(did, this.byTask.get(key), `${key} again`);
    if (this.#isDead()) this.afterDeath.push(key);
    this.byTask.set(key, did);
    return did;
  }
}

/** How a pipeline of books is worked on. */
export interface Press {
  /** Where its runs are kept. */
  readonly checkpointer: Checkpointer;
  /** Where its nodes leave their marks. */
  readonly effects: Effects;
  /** Whether each chapter waits until the one before is stored, so that runs save equally often. */
  readonly oneByOne: boolean;
}

/** Defines the pipeline anew, as a new process does. */
export function defineBooks({ checkpointer, effects, oneByOne }: Press) {
  const turns = makeTurns();
  return definePipeline({
    name: BOOKS,
    state: unchecked<Book>(),
    reducers: { drafts: append, chapters: append },
    nodes: {
      sort: (_, context) => effects.note(context, {}),
      scrap: () => {
        throw new Error("the branch that is never taken");
      },
      draft: ({ topic, drafts }, context) =>
        effects.note(context, { drafts: `draft ${drafts.length + 1} of ${topic}` }),
      review: (_, context) => effects.note(context, {}),
      write: async ({ drafts, chapter }, context) => {
        if (oneByOne) await turns.next(context.signal);
        return effects.note(context, { chapters: `chapter ${chapter} of ${drafts.at(-1)}` });
      },
      approval: (_, context) => effects.note(context, pause("print it?")),
      print: ({ chapters, approved }, context) =>
        effects.note(context, { printed: `${chapters.join("; ")} (approved: ${approved})` }),
    },
    start: "sort",
    edges: {
      sort: {
        route: ({ topic }) => topic === "" ? "nothing" : "something",
        to: { nothing: "scrap", something: "draft" },
      },
      scrap: END,
      draft: "review",
      review: ({ drafts }) =>
        drafts.length < 3 ? "draft" : [1, 2, 3, 4].map((chapter) => send("write", { chapter })),
      write: "approval",
      approval: { route: ({ approved }) => approved ? "yes" : "no", to: { yes: "print", no: END } },
      print: END,
    },
  }, {
    checkpointer,
    // Exactly the steps of the undisturbed run: what is done again must not count twice.
    recursionLimit: 10,
    ...(oneByOne && { concurrency: 1 }),
    onEvent: turns.onEvent,
  });
}

/** Lets each task go on once what the one before it did is stored. */
function makeTurns(): {
  next(signal: AbortSignal): Promise<void>;
  onEvent(event: RunEvent<Book>): void;
} {
  let unsaved: PromiseWithResolvers<void> | undefined;
  return {
    async next(signal) {
      if (unsaved === undefined) return;
      signal.throwIfAborted();
      const failed = Promise.withResolvers<never>();
      signal.addEventListener("abort", () => failed.reject(signal.reason), { once: true });
      await Promise.race([unsaved.promise, failed.promise]);
    },
    onEvent(event) {
      if (event.type === "taskFinished") unsaved = Promise.withResolvers();
      if (event.type !== "checkpointSaved") return;
      unsaved?.resolve();
      unsaved = undefined;
    },
  };
}
