import { FileCheckpointer } from "../backends/file.ts";
import { oldStoreSuite, PYTHON_STORE, type WithStore } from "./old_store_suite.ts";

/** Runs a test on a copy of the store that the Python framework wrote. */
const withStore: WithStore = async (test) => {
  const root = await Deno.makeTempDir();
  try {
    await copyFolder(PYTHON_STORE, new URL(`file://${root}/`));
    await test(new FileCheckpointer(root));
  } finally {
    await Deno.remove(root, { recursive: true });
  }
};

async function copyFolder(from: URL, to: URL): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    const segment = encodeURIComponent(name) + (isDirectory ? "/" : "");
    if (isDirectory) await copyFolder(new URL(segment, from), new URL(segment, to));
    else await Deno.copyFile(new URL(segment, from), new URL(segment, to));
  }
}

oldStoreSuite("files", withStore);
