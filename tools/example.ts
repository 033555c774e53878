// Runs an example with the arguments that follow its name:
// deno run -A tools/example.ts hello
import { fileURLToPath } from "node:url";
import { runDeno } from "./deno.ts";

const EXAMPLES = new URL("../examples/", import.meta.url);

function exampleNames(): string[] {
  return [...Deno.readDirSync(EXAMPLES)]
    .filter((entry) => entry.isFile && entry.name.endsWith(".ts"))
    .map((entry) => entry.name.slice(0, -".ts".length))
    .sort();
}

const named = Deno.args[0] !== undefined && !Deno.args[0].startsWith("-");
const [name = "", ...args] = named ? Deno.args : ["software_factory", ...Deno.args];
const names = exampleNames();
if (!names.includes(name)) {
  console.error(`Cannot run the example "${name}": choose one of ${names.join(", ")}`);
  Deno.exit(1);
}
await runDeno(["run", "-A", fileURLToPath(new URL(`${name}.ts`, EXAMPLES)), ...args]);
