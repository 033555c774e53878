import { join } from "@std/path";
import { FileCheckpointer, type FileWarning } from "../backends/file.ts";

/** Runs a test in a folder of its own. */
export async function withRoot(test: (root: string) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir();
  try {
    await test(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
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
