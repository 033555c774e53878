import { fileURLToPath } from "node:url";
import denoJson from "../deno.json" with { type: "json" };
import { CONFIG_VARIABLE } from "./deno_args.ts";

interface StandIn {
  readonly name: string;
  readonly specifier: string;
  readonly folder: string;
}

const STAND_INS: readonly StandIn[] = [
  {
    name: "@std/assert",
    specifier: denoJson.imports["@std/assert"],
    folder: "./tools/stand_ins/assert/",
  },
  {
    name: "@std/path",
    specifier: denoJson.imports["@std/path"],
    folder: "./tools/stand_ins/path/",
  },
];

/** How the line begins that says that stand-ins are in use. */
export const STAND_INS_NOTICE = "Deno cannot resolve";

const ROOT = new URL("../", import.meta.url);
const ANSWER_LIMIT_MS = 10_000;

/** A registry that refuses at once, for what would otherwise wait for one that is silent. */
const REFUSING_REGISTRY = "http://0.0.0.0:0/";

type Answer = "resolved" | "refused" | "silent";

/**
 * Makes the packages of deno.json resolve in every Deno that this process starts with
 * `configArgs()`: from JSR where it answers, from the stand-ins otherwise.
 */
export async function settlePackages(): Promise<void> {
  Deno.env.delete(CONFIG_VARIABLE);
  const answer = await askDeno();
  if (answer === "resolved") return;
  const names = STAND_INS.map(({ name }) => name).join(" and ");
  const limit = answer === "silent" ? ` in ${ANSWER_LIMIT_MS / 1000} s` : "";
  console.error(
    `${STAND_INS_NOTICE} ${names} from JSR${limit}: stand-ins from tools/stand_ins are used instead`,
  );
  if (answer === "silent") Deno.env.set("JSR_URL", REFUSING_REGISTRY);
  Deno.env.set(CONFIG_VARIABLE, await writeConfig());
}

/** An import map for `deno doc`, which does not know `links`. */
export function standInImportMap(): string {
  const modules = STAND_INS.map((it) => [it.name, new URL(`${it.folder}mod.ts`, ROOT).href]);
  const imports = { ...denoJson.imports, ...Object.fromEntries(modules) };
  return `data:application/json,${encodeURIComponent(JSON.stringify({ imports }))}`;
}

/** Asks without deno.json, so that no npm package is fetched on the way to the answer. */
async function askDeno(): Promise<Answer> {
  const signal = AbortSignal.timeout(ANSWER_LIMIT_MS);
  const code = STAND_INS.map(({ specifier }) => `import "${specifier}";`).join("");
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-config", code],
    stdout: "null",
    stderr: "null",
    signal,
  }).output();
  if (success) return "resolved";
  return signal.aborted ? "silent" : "refused";
}

/** Tasks may run side by side, so the file is put in place whole. */
async function writeConfig(): Promise<string> {
  const path = fileURLToPath(new URL("deno.local.json", ROOT));
  const folders = STAND_INS.map(({ folder }) => folder);
  const config = {
    ...denoJson,
    links: folders,
    // A linked module inside the package must be part of it, or `deno publish` refuses.
    publish: { include: [...denoJson.publish.include, ...folders] },
  };
  const draft = `${path}.${crypto.randomUUID()}`;
  await Deno.writeTextFile(draft, JSON.stringify(config, null, 2) + "\n");
  await Deno.rename(draft, path);
  return path;
}
