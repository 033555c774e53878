import type { EventHandler, HistoryEntry } from "@firefly/pipeline";
import type { Build } from "./factory.ts";
import type { Effect, Journal } from "./journal.ts";
import { type Part, print, printTable, showProgress, style } from "./screen.ts";
import type { Store } from "./stores.ts";

const INDENT = " ".repeat(13);

/** The line of a task that ended, while it waits for the checkpoint that holds it. */
interface Waiting {
  readonly endedAt: number;
  readonly parts: readonly Part[];
  readonly reason?: string;
}

/** Prints one line a task, once what it did is stored, and says where. */
export function progressReporter(store: Store, journal: Journal): EventHandler<Build> {
  const working = new Set<string>();
  let waiting: Waiting[] = [];

  const wait = (node: string, [text, css]: Part, durationMs?: number, reason?: string) => {
    const took = durationMs === undefined ? "" : `${Math.ceil(durationMs)} ms`;
    waiting.push({
      endedAt: performance.now(),
      parts: [
        [`  ${node.padEnd(11)}`, style.strong],
        [text.padEnd(35), css],
        [`${took.padStart(7)}   `],
      ],
      reason,
    });
  };

  const printStored = (label: string, saveBegan: number) => {
    for (const { parts, reason } of waiting.filter(({ endedAt }) => endedAt <= saveBegan)) {
      print(...parts, [label, style.quiet]);
      if (reason !== undefined) print([`${INDENT}${reason}`, style.bad]);
    }
    // What ended while the save was under way is not in it, but in the next one.
    waiting = waiting.filter(({ endedAt }) => endedAt > saveBegan);
  };

  return (event) => {
    switch (event.type) {
      case "runStarted":
        if (event.resumed) wait("resume", ["goes on where the run stopped"]);
        else wait("start", ["the requirements are stored"]);
        break;
      case "taskStarted":
        working.add(`${event.node} ${event.visit}`);
        break;
      case "taskFinished":
        working.delete(`${event.node} ${event.visit}`);
        wait(event.node, [journal.lastOf(event.node, event.visit)], event.durationMs);
        break;
      case "taskFailed":
        working.delete(`${event.node} ${event.visit}`);
        wait(event.node, ["FAILED", style.bad], event.durationMs, messageOf(event.error));
        break;
      case "checkpointSaved":
        printStored(
          store.labelOf(event.sequence, event.nodeId),
          performance.now() - event.durationMs,
        );
    }
    if (working.size > 0) showProgress(`  at work: ${[...working].join(", ")}`);
  };
}

/** Prints the verdict, and whether every task had its effect exactly once; both must hold. */
export function printOutcome(
  { verdict, items, findings }: Build,
  effects: readonly Effect[],
): boolean {
  const isPassed = verdict === "PASS";
  printFinding("verdict", `${verdict}: ${items.length} requirements checked in dist`, isPassed);
  for (const finding of findings) print([`${INDENT}${finding}`]);

  const files = effects.flatMap((effect) => effect.files);
  const again = repeated([...effects.map(({ taskId }) => taskId), ...files]);
  const isOnce = again.length === 0;
  const once = `${files.length} files written once; nothing ran twice`;
  printFinding("effects", isOnce ? once : `done twice: ${again.join(", ")}`, isOnce);
  for (const [pid, { length }] of Map.groupBy(effects, (effect) => effect.pid)) {
    print([`${INDENT}${length} tasks finished in process ${pid}`]);
  }
  return isPassed && isOnce;
}

/** Prints the checkpoints of a run, in the order given. */
export function printHistory(entries: readonly HistoryEntry<Build>[]): void {
  printTable([
    ["seq", "node", "status", "done", "next", "saved at, UTC", "writer"],
    ...entries.map(({ sequence, nodeId, status, completedNodes, tasks, savedAt, writer }) => {
      const pending = tasks.filter((task) => task.status === "pending");
      const next = [...Map.groupBy(pending, ({ node }) => node)]
        .map(([node, { length }]) => length === 1 ? node : `${node} x ${length}`);
      return [
        sequence,
        nodeId,
        status,
        completedNodes.length + tasks.length - pending.length,
        next.join(", "),
        savedAt.slice("2025-01-01T".length, -"Z".length),
        writer.slice(0, 8),
      ];
    }),
  ]);
}

function printFinding(name: string, text: string, isGood: boolean): void {
  print([`  ${name.padEnd(11)}`, style.strong], [text, isGood ? style.good : style.bad]);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function repeated(values: readonly string[]): string[] {
  return values.filter((value, index) => values.indexOf(value) !== index);
}
