import { join } from "@std/path";
import { FileCheckpointer, type FileWarning } from "../backends/file.ts";
import type { CheckpointRecord } from "../mod.ts";

/** Runs a test in a folder of its own. */
export async function withRoot(test: (root: string) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir();
  try {
    await test(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

/** A record like any other. */
export function record(sequence: number, fields: Partial<CheckpointRecord> = {}): CheckpointRecord {
  return {
    version: 1,
    pipelineName: "factory",
    runId: "r1",
    sequence,
    nodeId: "deployer",
    state: { step: sequence },
    completedNodes: [],
    status: "running",
    paused: false,
    pauseReason: undefined,
    tasks: [],
    pendingEdges: [],
    steps: sequence,
    failures: [],
    resume: undefined,
    writer: "w1",
    savedAt: "2026-01-01T00:00:00.000Z",
    ...fields,
  };
}

/** A checkpointer that keeps its warnings. */
export function watched(root: string): [FileCheckpointer, FileWarning[]] {
  const warnings: FileWarning[] = [];
  return [
    new FileCheckpointer(root, { sync: false, onWarning: (warning) => warnings.push(warning) }),
    warnings,
  ];
}

/** The paths of all files below a folder. */
export async function filesBelow(folder: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (!isDirectory) paths.push(name);
    else paths.push(...(await filesBelow(join(folder, name))).map((path) => `${name}/${path}`));
  }
  return paths.sort();
}
