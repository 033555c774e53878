/**
 * Running code where the drivers are not installed.
 *
 * @module
 */

import { fromFileUrl } from "@std/path";

const ROOT = fromFileUrl(new URL("../", import.meta.url));

/** Runs a script where no package of JSR can be loaded. */
export async function runWithoutJsr(code: string): Promise<string> {
  const cache = await Deno.makeTempDir();
  try {
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", "--config", "deno.json", code],
      cwd: ROOT,
      env: { JSR_URL: "http://0.0.0.0:0/", DENO_DIR: cache, NO_COLOR: "1" },
    }).output();
    return [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("\n");
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
}
