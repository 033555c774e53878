/**
 * A software factory on which every fault point is tried: a branch, a cycle, two fan-outs, a pause, a
 * failure.
 *
 * @module
 */

import {
  append,
  definePipeline,
  END,
  type NodeContext,
  pause,
  type PipelineOptions,
  send,
  unchecked,
} from "../../mod.ts";
import { untilAborted } from "../engine_probes.ts";

/** The state of a build. */
export interface Build {
  /** What is to be built; nothing is the branch that is never taken. */
  readonly requirements: readonly string[];
  /** The one that a developer was sent. */
  readonly item: string;
  /** What was written, in order. */
  readonly modules: readonly string[];
  /** What the tester said, in order. */
  readonly findings: readonly string[];
  /** Whether it may be deployed. */
  readonly approved: boolean;
  /** Where it was deployed. */
  readonly url: string;
  /** What came of it. */
  readonly verdict: string;
}

/** What a build begins with. */
export const ORDER: Build = {
  requirements: ["login", "search", "export"],
  item: "",
  modules: [],
  findings: [],
  approved: false,
  url: "",
  verdict: "",
};

/** Developers that wait until their worker is heard of. */
export const DEVELOPERS = 2 * ORDER.requirements.length;

/** What a worker brings to a build. */
export interface Worker extends PipelineOptions<Build> {
  /** What the factory is called; a recovery finds the builds of this name. */
  readonly name: string;
  /** Leaves the mark of a task in the world outside. */
  readonly mark: (context: NodeContext) => void;
  /** Resolves when the store is told the next time that the worker is alive. */
  readonly heard: () => Promise<void>;
  /** Whether the deployment target is open; it is from the second time on that it is asked. */
  readonly isOpen: () => boolean;
}

/** Defines it anew, as every process does. */
export function defineFactory({ name, mark, heard, isOpen, ...options }: Worker) {
  return definePipeline({
    name,
    state: unchecked<Build>(),
    reducers: { modules: append, findings: append },
    nodes: {
      architect: (_, context) => mark(context),
      nothing: () => {
        throw new Error("the branch that is never taken");
      },
      developer: async ({ item, findings }, context) => {
        // By then the one before it is stored: all runs save and touch alike.
        await Promise.race([heard(), untilAborted(context.signal)]);
        mark(context);
        return { modules: `${item} ${findings.length + 1}` };
      },
      tester: ({ findings }, context) => {
        mark(context);
        return { findings: findings.length === 0 ? "to be mended" : "good" };
      },
      approval: (_, context) => {
        mark(context);
        return pause("deploy?");
      },
      deployer: ({ modules }, context) => {
        if (!isOpen()) throw new Error("deployment target not reachable");
        mark(context);
        return { url: `https://example.com/${modules.length}` };
      },
      evaluator: ({ url, approved }, context) => {
        mark(context);
        return { verdict: `${approved ? "PASS" : "FAIL"} ${url}` };
      },
    },
    start: "architect",
    edges: {
      architect: ({ requirements }) =>
        requirements.length === 0
          ? "nothing"
          : requirements.map((item) => send("developer", { item })),
      nothing: END,
      developer: "tester",
      tester: {
        route: ({ findings }) => findings.at(-1) === "good" ? "good" : "bad",
        to: { good: "approval", bad: "architect" },
      },
      approval: {
        route: ({ approved }) => approved ? "yes" : "no",
        to: { yes: "deployer", no: END },
      },
      deployer: "evaluator",
      evaluator: END,
    },
    // Exactly the steps of a build that nothing disturbs, and the one of the deployment that failed.
  }, { concurrency: 1, recursionLimit: 9, ...options });
}
