/**
 * The lives of a build's workers, each with its fault, and what must be so when it has ended.
 *
 * @module
 */

import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import {
  CheckpointConflictError,
  type Checkpointer,
  CheckpointLoadError,
  type CheckpointRecord,
  CheckpointSaveError,
  type Durability,
  type NodeContext,
  type RunResult,
} from "../../mod.ts";
import { FaultError, type FaultPoint, FaultyCheckpointer, nameOf } from "../faulty_checkpointer.ts";
import { finishedVisits, problemsOf } from "../history_checks.ts";
import { type Build, defineFactory, DEVELOPERS, ORDER } from "./factory.ts";

/** When what hangs happens after all. */
export const LATE = ["never", "before the run is gone on with", "after the run has ended"] as const;

/** One fault in a worker's life. */
export interface Fault extends FaultPoint {
  /** Of what hangs. */
  readonly happens?: typeof LATE[number];
}

/** A build that goes from worker to worker. */
export interface Story {
  /** Where it is kept. */
  readonly store: Checkpointer;
  /** How far workers get ahead of their checkpoints. */
  readonly durability: Durability;
  /** What its factory is called. */
  readonly name: string;
}

/** The end of a build that nothing disturbed, and how often its store was asked for what. */
export interface Undisturbed {
  readonly result: RunResult<Build>;
  readonly calls: FaultyCheckpointer["calls"];
}

const RUN_ID = "build";

const APPROVAL = { approvePause: true, update: { approved: true }, by: "ana" };

/** So short that no test waits, and long enough that workers are heard of in it. */
const LEASE_MS = 30;

/** A worker that has not ended by then never does. */
const STUCK_MS = 20_000;

/** Runs it without a fault. */
export async function runUndisturbed(story: Story): Promise<Undisturbed> {
  const world = makeWorld();
  const checkpointer = new FaultyCheckpointer(story.store);
  const result = await live(story, world, checkpointer);
  assertEquals(result.state.verdict, "PASS https://example.com/6");
  assertEquals(repeated(world.marks), []);
  // Each developer waited for a touch; who is slow is heard of more often, which is up to chance.
  assert(checkpointer.calls.touch >= DEVELOPERS, "a developer did not wait");
  return { result, calls: { ...checkpointer.calls, touch: DEVELOPERS } };
}

/**
 * Runs a build whose workers each meet a fault, until one ends it; asserts that all is as it would be
 * without them. Comes back with the number of faults that were met.
 */
export async function assertEndsRight(
  story: Story,
  faults: readonly Fault[],
  undisturbed: Undisturbed,
): Promise<number> {
  const world = makeWorld();
  const how = { isSweeping: faults.some(({ nth }) => nth % 2 === 0) };
  const late: (() => Promise<void>)[] = [];
  let met = 0;
  for (const fault of faults) {
    const checkpointer = new FaultyCheckpointer(story.store, fault);
    const thrown = await disturbedLife(story, world, checkpointer, fault, how);
    if (!checkpointer.isMet) break;
    met++;
    assertEquals(thrown === undefined, fault.at === "touch", "only touches fail in silence");
    if (thrown !== undefined) assertDocumented(thrown, fault);
    if (fault.happens === LATE[1]) await checkpointer.happenLate().catch(assertConflict);
    if (fault.happens === LATE[2]) late.push(() => assertTooLate(checkpointer, fault));
  }
  const result = await live(story, world, new FaultyCheckpointer(story.store), how);
  assertEquals(result, undisturbed.result);
  const history = await recordsOf(story);
  for (const happenLate of late) await happenLate();
  assertEquals(await recordsOf(story), history);
  const expectations = { storesEveryStep: story.durability !== "exit" };
  assertEquals(problemsOf(history, expectations), []);
  assertEquals(history.at(-1)?.status, "completed");
  assertEquals(new Set(world.marks), new Set(expectedMarks(result)));
  return met;
}

/** The world outside, which outlives all workers. */
interface World {
  readonly marks: string[];
  isTargetOpen: boolean;
}

function makeWorld(): World {
  return { marks: [], isTargetOpen: false };
}

/** Lives until the fault throws, or the build has ended; comes back with what was thrown. */
async function disturbedLife(
  story: Story,
  world: World,
  checkpointer: FaultyCheckpointer,
  { at }: Fault,
  how: { readonly isSweeping: boolean },
): Promise<unknown> {
  const control = new AbortController();
  // What a person does whose build stands still; a touch that hangs holds up nothing.
  if (at !== "touch") {
    void checkpointer.hangs.then(() => control.abort(new Error("it takes too long")));
  }
  try {
    await live(story, world, checkpointer, { ...how, signal: control.signal });
    return undefined;
  } catch (error) {
    return error;
  }
}

interface Living {
  readonly isSweeping?: boolean;
  readonly signal?: AbortSignal;
}

/** Does what a worker does with the build that it finds: starts it, approves it, goes on with it. */
async function live(
  story: Story,
  world: World,
  checkpointer: FaultyCheckpointer,
  how: Living = {},
): Promise<RunResult<Build>> {
  const stuck = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => stuck.reject(new Error("The worker does not come to an end")),
    STUCK_MS,
  );
  try {
    return await Promise.race([liveOn(story, world, checkpointer, how), stuck.promise]);
  } finally {
    clearTimeout(timer);
  }
}

async function liveOn(
  { store, name, durability }: Story,
  world: World,
  checkpointer: FaultyCheckpointer,
  { isSweeping = false, signal }: Living,
): Promise<RunResult<Build>> {
  const finished = new Set(await finishedIn(store, name));
  const marks: string[] = [];
  const factory = defineFactory({
    name,
    checkpointer,
    durability,
    leaseMs: LEASE_MS,
    mark: ({ node, visit }: NodeContext) => {
      assert(!finished.has(`${node} ${visit}`), `${node} ${visit} was stored, and is done again`);
      marks.push(`${node} ${visit}`);
    },
    heard: () => checkpointer.heard,
    isOpen() {
      const isOpen = world.isTargetOpen;
      world.isTargetOpen = true;
      return isOpen;
    },
  });
  try {
    for (;;) {
      const latest = await store.loadLatest(name, RUN_ID);
      const result = latest === undefined
        ? await factory.invoke(ORDER, { runId: RUN_ID, signal })
        : latest.status === "running" && isSweeping
        ? await sweep(factory, signal)
        : await factory.resume(RUN_ID, { ...latest.status === "paused" && APPROVAL, signal });
      if (result.status === "completed") return result;
      if (result.status === "failed" && result.failedNode !== "deployer") throw result.error;
      assert(["paused", "failed"].includes(result.status), `the run is ${result.status}`);
    }
  } finally {
    assertEquals(repeated(marks), [], "one worker does nothing twice");
    world.marks.push(...marks);
  }
}

/** Waits until the lease of the worker before is over, and goes on with its build. */
async function sweep(
  factory: ReturnType<typeof defineFactory>,
  signal: AbortSignal | undefined,
): Promise<RunResult<Build>> {
  for (;;) {
    const [recovery] = await factory.recover({ signal });
    if (recovery?.result !== undefined) return recovery.result;
    if (recovery !== undefined) throw recovery.error;
    await new Promise((resolve) => setTimeout(resolve, LEASE_MS / 3));
  }
}

function assertDocumented(error: unknown, { at, how }: Fault): void {
  if (at === "touch") throw error;
  if (at === "load") assertInstanceOf(error, CheckpointLoadError);
  else assertInstanceOf(error, CheckpointSaveError);
  if (how !== "hang") assertInstanceOf(error.cause, FaultError);
}

/** What happens when the run has long been gone on with is refused. */
async function assertTooLate(checkpointer: FaultyCheckpointer, { at }: Fault): Promise<void> {
  const outcome = await checkpointer.happenLate().catch((error: unknown) => error);
  if (at === "touch") assertEquals(outcome, false);
  else if (at !== "load") assertConflict(outcome);
}

function assertConflict(error: unknown): void {
  assertInstanceOf(error, CheckpointConflictError);
}

async function recordsOf({ store, name }: Story): Promise<readonly CheckpointRecord[]> {
  return (await Array.fromAsync(store.history(name, RUN_ID))).reverse();
}

async function finishedIn(store: Checkpointer, name: string): Promise<readonly string[]> {
  const latest = await store.loadLatest(name, RUN_ID);
  return latest === undefined ? [] : finishedVisits(latest);
}

function expectedMarks({ completedNodes }: RunResult<Build>): readonly string[] {
  return completedNodes.map((node, index) =>
    `${node} ${completedNodes.slice(0, index + 1).filter((other) => other === node).length}`
  );
}

function repeated(marks: readonly string[]): readonly string[] {
  return marks.filter((mark, index) => marks.indexOf(mark) !== index);
}

/** A fault as a test names it. */
export function faultName({ happens, ...point }: Fault): string {
  return happens === undefined ? nameOf(point) : `${nameOf(point)}, happens ${happens}`;
}
