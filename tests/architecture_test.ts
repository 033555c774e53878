import { assert, assertEquals } from "@std/assert";
import { fromFileUrl, relative } from "@std/path";
import others from "../bench/peers/others/deno.json" with { type: "json" };
import denoJson from "../deno.json" with { type: "json" };
import { configArgs } from "../tools/deno_args.ts";

const ROOT = fromFileUrl(new URL("../", import.meta.url));

/** What a module of the core may import; all others of the core may import the core. */
const CORE_IMPORTS: Readonly<Record<string, readonly string[]>> = {
  "pipeline/json.ts": [],
  "pipeline/schema.ts": [],
  "pipeline/task_record.ts": ["pipeline/json.ts"],
  "pipeline/checkpoint_record.ts": ["pipeline/json.ts", "pipeline/task_record.ts"],
  "pipeline/checkpointer.ts": ["pipeline/checkpoint_record.ts", "pipeline/task_record.ts"],
  "pipeline/codec.ts": ["pipeline/json.ts", "pipeline/codec/"],
};

/** What any backend may import of the core. */
const PROTOCOL = [
  "pipeline/checkpoint_record.ts",
  "pipeline/checkpointer.ts",
  "pipeline/record.ts",
  "pipeline/chain.ts",
  "pipeline/cover.ts",
  "pipeline/stored_change.ts",
  "pipeline/stored_chain.ts",
  "pipeline/newer_runs.ts",
  "pipeline/turn.ts",
];

/** What the backends share; it imports nothing. */
const SHARED = [
  "backends/lost_connection.ts",
  "backends/names.ts",
  "backends/options.ts",
  "backends/retry.ts",
  "backends/shape.ts",
  "backends/under_way.ts",
];

/** What a backend may import besides the protocol, what is shared, and its own files. */
const DRIVERS: Readonly<Record<string, readonly string[]>> = {
  memory: [],
  file: ["@std/path"],
  postgres: ["@db/postgres"],
  redis: ["@db/redis"],
};

/** The rooms beside the core and the backends, and the packages that they may import. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  http: [],
  otel: ["@opentelemetry/api"],
};

interface Module {
  readonly specifier: string;
  readonly dependencies: readonly string[];
}

/** The modules that an entry point loads, as paths below the root or package specifiers. */
async function modulesOf(entry: string): Promise<readonly Module[]> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", ...configArgs(), entry],
    cwd: ROOT,
    stderr: "null",
  }).output();
  const { modules }: { modules: readonly InfoModule[] } = JSON.parse(
    new TextDecoder().decode(stdout),
  );
  assert(modules.length > 0, `deno info tells nothing of ${entry}`);
  return modules.map(({ specifier, dependencies = [] }) => ({
    specifier: shorten(specifier),
    dependencies: dependencies.map(({ specifier, code, type }) =>
      specifier.startsWith(".")
        ? shorten(code?.specifier ?? type?.specifier ?? specifier)
        : specifier
    ),
  }));
}

interface InfoModule {
  readonly specifier: string;
  readonly dependencies?: readonly {
    readonly specifier: string;
    readonly code?: { readonly specifier?: string };
    readonly type?: { readonly specifier?: string };
  }[];
}

function shorten(specifier: string): string {
  return specifier.startsWith("file:") ? relative(ROOT, fromFileUrl(specifier)) : specifier;
}

function isAmong(path: string, allowed: readonly string[]): boolean {
  return allowed.some((prefix) => prefix.endsWith("/") ? path.startsWith(prefix) : path === prefix);
}

/** `backends/file_names.ts` belongs to the backend `file`. */
function backendOf(path: string): string | undefined {
  return /^backends\/([a-z]+)(?:_[a-z_]+)?\.ts$/.exec(path)?.[1];
}

async function sourcesIn(folder: string): Promise<readonly string[]> {
  const paths: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(`${ROOT}${folder}`)) {
    const path = `${folder}/${name}`;
    if (isDirectory) paths.push(...await sourcesIn(path));
    else if (name.endsWith(".ts")) paths.push(path);
  }
  return paths.sort();
}

Deno.test("the core imports only the core, and its ground floor almost nothing", async () => {
  for (const { specifier, dependencies } of await modulesOf("pipeline/define.ts")) {
    const allowed = CORE_IMPORTS[specifier] ?? ["pipeline/"];
    for (const dependency of dependencies) {
      assert(isAmong(dependency, allowed), `${specifier} must not import ${dependency}`);
    }
  }
});

Deno.test("the core, the memory backend and the rooms use no Deno API", async () => {
  const rooms = await Promise.all(Object.keys(ROOMS).map(sourcesIn));
  const sources = [...await sourcesIn("pipeline"), ...rooms.flat()];
  for (const path of [...sources, "backends/memory.ts", "mod.ts"]) {
    const source = await Deno.readTextFile(`${ROOT}${path}`);
    const code = source.replace(/\/\*\*[\s\S]*?\*\//g, "");
    assert(!/\bDeno\./.test(code), `${path} must not use Deno.*`);
  }
});

Deno.test("a backend imports the protocol, its own files and its own driver", async () => {
  for (const path of await sourcesIn("backends")) {
    if (SHARED.includes(path)) continue;
    const backend = backendOf(path);
    assert(backend !== undefined, `${path} is named after no backend`);
    const [module] = (await modulesOf(path)).filter(({ specifier }) => specifier === path);
    for (const dependency of module?.dependencies ?? []) {
      const isAllowed = isAmong(dependency, [...PROTOCOL, ...SHARED]) ||
        backendOf(dependency) === backend ||
        DRIVERS[backend]?.includes(dependency) === true;
      assert(isAllowed, `${path} must not import ${dependency}`);
    }
  }
});

Deno.test("what the backends share imports nothing", async () => {
  for (const path of SHARED) {
    assertEquals((await modulesOf(path)).map(({ specifier }) => specifier), [path]);
  }
});

Deno.test("a room imports the core, its own files and its own packages", async () => {
  for (const [room, packages] of Object.entries(ROOMS)) {
    for (const { specifier, dependencies } of await modulesOf(entryOf(room))) {
      if (!specifier.startsWith(`${room}/`)) continue;
      for (const dependency of dependencies) {
        assert(
          isAmong(dependency, ["pipeline/", `${room}/`, ...packages]),
          `${specifier} must not import ${dependency}`,
        );
      }
    }
  }
});

/** The module that is a room's entry point. */
function entryOf(room: string): string {
  const entry = new Map(Object.entries(denoJson.exports)).get(`./${room}`);
  assert(entry !== undefined, `"./${room}" is no entry point`);
  return entry.slice("./".length);
}

Deno.test("an entry point loads its own backend and no other's driver", async () => {
  for (const [name, entry] of Object.entries(denoJson.exports)) {
    const own = name === "." ? "memory" : name.slice("./".length);
    for (const { specifier, dependencies } of await modulesOf(entry.slice("./".length))) {
      if (SHARED.includes(specifier)) continue;
      const backend = backendOf(specifier);
      assert(
        backend === undefined || backend === own,
        `"${name}" must not load ${specifier}`,
      );
      const isOurs = /^(mod\.ts$|pipeline\/|http\/|otel\/)/.test(specifier) ||
        backend !== undefined;
      if (!isOurs) continue;
      const packages = dependencies.filter((dependency) =>
        !/^(mod\.ts$|pipeline\/|backends\/|http\/|otel\/)/.test(dependency)
      );
      const allowed = DRIVERS[own] ?? ROOMS[own] ?? [];
      assertEquals(
        packages.filter((dependency) => !allowed.includes(dependency)),
        [],
        `${specifier} must not import a package`,
      );
    }
  }
});

Deno.test("mod.ts only exports by name", async () => {
  const source = await Deno.readTextFile(`${ROOT}mod.ts`);
  const code = source.replace(/\/\*\*[\s\S]*?\*\//g, "");
  const exports = /export (?:type )?\{[\s\S]*?\} from "\.\/(?:pipeline|backends)\/\w+\.ts";/g;
  assertEquals(code.replace(exports, "").trim(), "");
});

Deno.test("only the comparison with peers imports them, where no other task looks", async () => {
  const own = "bench/peers/others/";
  assertEquals(denoJson.exclude, [own]);
  const theirs = Object.keys(others.imports).filter((name) => !(name in denoJson.imports));
  assert(theirs.length > 0);
  const folders = ["backends", "bench", "examples", "pipeline", "tests", "tools"];
  for (const path of ["mod.ts", ...(await Promise.all(folders.map(sourcesIn))).flat()]) {
    if (path.startsWith(own)) continue;
    const source = await Deno.readTextFile(`${ROOT}${path}`);
    for (const [, specifier = ""] of source.matchAll(/\b(?:from|import)\s*\(?\s*"([^"]+)"/g)) {
      const isTheirs = theirs.some((name) => specifier.replace(/^npm:/, "").startsWith(name));
      assert(!isTheirs, `${path} must not import ${specifier}`);
    }
  }
});
