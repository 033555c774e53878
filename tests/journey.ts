/**
 * The pipeline on which processes crash and fight: a branch, a cycle, retries, a fan-out, a pause.
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
} from "../mod.ts";

/** The state of a journey. */
export interface Journey {
  /** What is carried along, enough that stores keep changes rather than whole records. */
  readonly luggage: string;
  /** What was done, by node and visit, in merge order. */
  readonly log: readonly string[];
  /** Which way a scout goes. */
  readonly way: number;
  /** Whether the border may be crossed. */
  readonly permit: boolean;
}

/** What a journey begins with. */
export const DEPARTURE: Journey = {
  luggage: "tent, rope, tea; ".repeat(120),
  log: [],
  way: 0,
  permit: false,
};

/** How a pipeline of journeys is worked on. */
export interface Travel extends PipelineOptions<Journey> {
  /** Its name; a recovery finds the runs of this name. */
  readonly name: string;
  /** How long a node takes before and after it leaves its mark, in milliseconds, about. */
  readonly paceMs: number;
  /** Leaves the mark of a visit in the world outside. */
  readonly mark: (context: NodeContext) => void;
}

/** Scouts that set out side by side. */
export const SCOUTS = 8;

/** The log of a journey that nothing disturbed; who waits at the border writes nothing. */
export const WHOLE_LOG: readonly string[] = [
  "depart 1",
  ...[1, 2, 3].flatMap((visit) => [`climb ${visit}`, `rest ${visit}`]),
  ...Array.from({ length: SCOUTS }, (_, index) => `scout ${index + 1}`),
  "arrive 1",
];

/** Defines it anew, as every process does. */
export function defineJourney({ name, paceMs, mark, ...options }: Travel) {
  const visit = async (context: NodeContext) => {
    await pass(paceMs * (context.visit % 3));
    mark(context);
    await pass(paceMs);
    return { log: `${context.node} ${context.visit}` };
  };
  return definePipeline({
    name,
    state: unchecked<Journey>(),
    reducers: { log: append },
    nodes: {
      depart: (_, context) => visit(context),
      stay: () => {
        throw new Error("the branch that is never taken");
      },
      climb: (_, context) => visit(context),
      rest: (_, context) => visit(context),
      scout: {
        run: async ({ way }, context) => {
          const update = await visit(context);
          if (way % 2 === 1 && context.attempt === 1) throw new Error("lost its way");
          return update;
        },
        retry: { attempts: 3, delayMs: 2 },
      },
      border: async (_, context) => {
        await visit(context);
        return pause("a permit, please");
      },
      arrive: (_, context) => visit(context),
    },
    start: "depart",
    edges: {
      depart: {
        route: ({ luggage }) => luggage === "" ? "nothing" : "packed",
        to: { nothing: "stay", packed: "climb" },
      },
      stay: END,
      climb: "rest",
      rest: ({ log }) =>
        log.length < 7
          ? "climb"
          : Array.from({ length: SCOUTS }, (_, way) => send("scout", { way })),
      scout: "border",
      border: { route: ({ permit }) => permit ? "yes" : "no", to: { yes: "arrive", no: END } },
      arrive: END,
    },
  }, { maxRecoveries: Infinity, ...options });
}

function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
