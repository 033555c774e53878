import type { NodeContext } from "@firefly/pipeline";

/** What one task did to the world outside of the run. */
export interface Effect {
  /** The same on every try of the task: who sees it twice knows that the task ran twice. */
  readonly taskId: string;
  readonly what: string;
  readonly files: readonly string[];
  readonly pid: number;
}

/** A file beside the run to which nodes add a line once they are done. Nothing rewrites it. */
export interface Journal {
  note(context: NodeContext, what: string, files?: readonly string[]): Promise<void>;
  read(): Promise<Effect[]>;
  /** What a task of this process noted last. */
  lastOf(node: string, visit: number): string;
}

export function openJournal(path: string): Journal {
  const noted = new Map<string, string>();
  return {
    async note({ node, visit, taskId }, what, files = []) {
      noted.set(`${node}/${visit}`, what);
      const effect: Effect = { taskId, what, files, pid: Deno.pid };
      await Deno.writeTextFile(path, `${JSON.stringify(effect)}\n`, { append: true });
    },
    async read() {
      const lines = (await Deno.readTextFile(path)).trim().split("\n");
      return lines.map((line): Effect => JSON.parse(line));
    },
    lastOf: (node, visit) => noted.get(`${node}/${visit}`) ?? "",
  };
}
