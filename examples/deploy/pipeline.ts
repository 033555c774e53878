import {
  definePipeline,
  END,
  pause,
  type PipelineOptions,
  type StandardSchema,
} from "@firefly/pipeline";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";

/** The state that all nodes share. */
export interface Article {
  readonly topic: string;
  /** What the reviewer wants to be changed; nothing once it is. */
  readonly note: string;
  readonly text: string;
  readonly picture: string;
  readonly url: string;
}

/** Of type `unknown` on the way in: whatever a request brings is checked before a run starts. */
const article: StandardSchema<unknown, Article> = z.strictObject({
  topic: z.string().trim().min(1).max(200),
  note: z.string().default(""),
  text: z.string().default(""),
  picture: z.string().default(""),
  url: z.string().default(""),
});

/** Writes an article, asks for a review until it is approved without a note, and publishes it. */
export function articlePipeline(options: PipelineOptions<Article>) {
  return definePipeline({
    name: "article",
    state: article,
    nodes: {
      write: async ({ topic, text, note }, { signal }) => {
        await delay(300, undefined, { signal }); // stands for a model at work, as below
        return { text: note ? `${text} (${note})` : `All about ${topic}.`, note: "" };
      },
      review: ({ text }) => pause(`Publish "${text}"?`),
      illustrate: async ({ topic }, { signal }) => {
        await delay(1_000, undefined, { signal });
        return { picture: `${slug(topic)}.png` };
      },
      publish: {
        // The task's id is the same when it is tried again, so that nothing is published twice.
        run: async ({ topic }, { signal, taskId }) => {
          await delay(2_000, undefined, { signal });
          return { url: `https://example.com/${slug(topic)}?key=${encodeURIComponent(taskId)}` };
        },
        retry: { attempts: 3, delayMs: 1_000 },
      },
    },
    start: "write",
    edges: {
      write: "review",
      review: {
        route: ({ note }) => note ? "again" : "good",
        to: { again: "write", good: "illustrate" },
      },
      illustrate: "publish",
      publish: END,
    },
  }, options);
}

function slug(topic: string): string {
  return topic.toLowerCase().replaceAll(/[^\p{L}\p{N}]+/gu, "-");
}
