import { assert, assertEquals, AssertionError } from "@std/assert";
import fc from "fast-check";
import {
  append,
  type CheckpointRecord,
  CheckpointSaveError,
  definePipeline,
  type Durability,
  END,
  pause,
  type PendingPause,
  RecursionLimitError,
  RunPausedError,
  type RunResult,
  send,
  unchecked,
} from "../mod.ts";
import { turns, watch } from "./engine_probes.ts";
import { ChangeKeeper } from "./suite/change_keeper.ts";

interface Work {
  item: number;
  log: string[];
}

type NodeName = "a" | "b" | "c" | "d";

/** What an edge answers: names, `null` for the end, numbers for a send of that item. */
type Answer = readonly (NodeName | null | readonly [NodeName, number])[];

/** What one node does and where it leads; which answer is given depends on the state. */
interface Behaviour {
  readonly delay: number;
  readonly pauses: boolean;
  readonly isAsync: boolean;
  readonly answers: readonly Answer[];
}

type Program = Readonly<Record<NodeName, Behaviour>>;

/** What goes wrong on the way: nodes and edges that throw, saves that fail, each once. */
interface Trouble {
  readonly nodes: readonly string[];
  readonly edges: readonly number[];
  readonly saves: readonly number[];
}

const nodeName = fc.constantFrom<NodeName>("a", "b", "c", "d");
const answer = fc.array(
  fc.oneof(nodeName, fc.constant(null), fc.tuple(nodeName, fc.nat(9))),
  { maxLength: 4 },
);
const behaviour = fc.record({
  delay: fc.nat(30),
  pauses: fc.boolean(),
  isAsync: fc.boolean(),
  answers: fc.array(answer, { minLength: 1, maxLength: 3 }),
});
const program = fc.record({ a: behaviour, b: behaviour, c: behaviour, d: behaviour });
const trouble = fc.record({
  nodes: fc.array(
    fc.tuple(nodeName, fc.integer({ min: 1, max: 3 })).map(([name, visit]) =>
      `random/r/${name}/${visit}`
    ),
  ),
  edges: fc.array(fc.nat(12)),
  saves: fc.array(fc.nat(25)),
});

/** Runs a program to its end, whatever it takes, as an operator would. */
async function run(
  program: Program,
  { nodes, edges, saves }: Trouble,
  concurrency: number,
  durability: Durability = "sync",
) {
  const store = new ChangeKeeper();
  const troubles = { nodes: new Set(nodes), edges: new Set(edges), saves: new Set(saves) };
  let latest: CheckpointRecord | undefined;
  let asked = 0;
  const saved = watch((record) => {
    if (troubles.saves.delete(record.sequence)) throw new Error("the machine is gone");
    latest = record;
  }, store);

  const work = (name: NodeName) => ({
    run: async (state: Readonly<Work>, { taskId, visit }: { taskId: string; visit: number }) => {
      const isDone = latest?.tasks.some((task) =>
        task.node === name && task.visit === visit && task.status !== "pending"
      );
      assert(!isDone, `${taskId} is stored as finished, and runs again`);
      await turns((program[name].delay * visit) % 31);
      if (troubles.nodes.delete(taskId)) throw new Error(`${taskId} fails once`);
      if (program[name].pauses && visit === 1) return pause(taskId);
      return { log: `${name}${visit}:${state.item}:${state.log.length}` };
    },
  });
  const edge = (name: NodeName) => (state: Readonly<Work>) => {
    if (troubles.edges.delete(asked++)) throw new Error("an edge fails once");
    const { answers, isAsync } = program[name];
    const answer = (answers[state.log.length % answers.length] ?? []).map((target) => {
      if (target === null) return END;
      return typeof target === "string" ? target : send(target[0], { item: target[1] });
    });
    return isAsync ? Promise.resolve(answer) : answer;
  };
  const pipeline = definePipeline({
    name: "random",
    state: unchecked<Work>(),
    reducers: { log: append },
    nodes: { a: work("a"), b: work("b"), c: work("c"), d: work("d") },
    start: "a",
    edges: { a: edge("a"), b: edge("b"), c: edge("c"), d: edge("d") },
  }, { checkpointer: saved, concurrency, durability, recursionLimit: 6 });

  let approval: { approvePause: true; pauseId?: string } | undefined;
  const approve = ([first]: readonly PendingPause[]) => {
    approval = first && { approvePause: true, pauseId: first.id };
  };
  for (let calls = 0; calls < 200; calls++) {
    try {
      const result = latest === undefined
        ? await pipeline.invoke({ item: 0, log: [] }, { runId: "r" })
        : await pipeline.resume("r", approval);
      const { status, state, completedNodes } = result;
      if (isOver(result)) return { status, state, completedNodes, steps: latest?.steps };
      approve(status === "paused" ? result.pauses : []);
    } catch (error) {
      // Another process knows nothing of the approval that could not be stored.
      if (error instanceof CheckpointSaveError) approve([]);
      else if (error instanceof RunPausedError) approve(error.pauses);
      else throw error;
    }
  }
  throw new AssertionError("The run does not end");
}

function isOver(result: RunResult<Work>): boolean {
  if (result.status === "failed") return result.error instanceof RecursionLimitError;
  return result.status === "completed";
}

Deno.test("whatever goes wrong on the way, a run ends in the state of the undisturbed one", async () => {
  const property = fc.asyncProperty(
    program,
    trouble,
    fc.integer({ min: 1, max: 5 }),
    fc.constantFrom<Durability>("sync", "async", "exit"),
    async (program, trouble, concurrency, durability) => {
      const undisturbed = await run(program, { nodes: [], edges: [], saves: [] }, 64);
      assertEquals(await run(program, trouble, concurrency, durability), undisturbed);
    },
  );
  await fc.assert(property, { numRuns: 600 });
});
